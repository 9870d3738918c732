{{ config(indexes=[{'columns': ['site_code', 'meter_code', 'hour_start'], 'unique': true}]) }}
{%- set hour_us = 3600000000 %}
with spans as not materialized (
    select
        site_code,
        meter_code,
        is_measured,
        quantity,
        starts_us,
        ends_us,
        {{ hour_number('starts_us') }} as first_hour,
        -- The last instant belongs to the hour before; a span of no length to the hour it lies in.
        {{ hour_number('greatest(ends_us - 1, starts_us)') }} as last_hour
    from {{ ref('int_meters__spans') }}
),

pieces as (
    select
        site_code,
        meter_code,
        is_measured,
        first_hour as hour_number,
        quantity,
        ends_us - starts_us as piece_us
    from spans
    where first_hour = last_hour
    union all
    select
        spans.site_code,
        spans.meter_code,
        spans.is_measured,
        hours.hour_number,
        -- The difference of two rounded running sums: the pieces add up to the span's quantity exactly.
        round(
            spans.quantity * (bounds.piece_ends_us - spans.starts_us) / (spans.ends_us - spans.starts_us), 12
        )
        - round(
            spans.quantity * (bounds.piece_starts_us - spans.starts_us) / (spans.ends_us - spans.starts_us), 12
        ) as quantity,
        bounds.piece_ends_us - bounds.piece_starts_us as piece_us
    from spans
    cross join lateral generate_series(spans.first_hour, spans.last_hour) as hours (hour_number)
    cross join lateral (
        select
            greatest(spans.starts_us, hours.hour_number * {{ hour_us }}) as piece_starts_us,
            least(spans.ends_us, (hours.hour_number + 1) * {{ hour_us }}) as piece_ends_us
    ) as bounds
    where spans.first_hour < spans.last_hour
)

select
    site_code,
    meter_code,
    sum(quantity) as quantity,
    round(least(sum(case when is_measured then piece_us else 0 end) / {{ hour_us }}, 1), 9) as coverage,
    sum(case when is_measured then 0 else quantity end) as estimated_quantity,
    to_timestamp(hour_number * 3600) as hour_start
from pieces
group by site_code, meter_code, hour_number
