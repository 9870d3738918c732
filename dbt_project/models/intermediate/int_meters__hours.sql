{{ config(
    materialized='fact',
    indexes=[{'columns': ['site_code', 'meter_code', 'hour_start'], 'unique': true}],
    pre_hook="{{ delete_in_windows('hour_start') }}",
) }}
{%- set hour_us = 3600000000 %}
-- One row per meter and hour of which anything is known or in which something was found; quantity is null where
-- only something was found.
with spans as (
    select
        spans.*,
        first_hour = last_hour as is_within_hour,
        generate_series(first_hour, last_hour) as hour_number
    from (
        select
            *,
            {{ hour_number('starts_us') }} as first_hour,
            -- The last instant belongs to the hour before; a span of no length to the hour it lies in.
            {{ hour_number('greatest(ends_us - 1, starts_us)') }} as last_hour
        from {{ ref('int_meters__spans') }}
    ) as spans
),

pieces as (
    select
        site_code,
        window_number,
        hour_number,
        is_measured,
        finding,
        from_value,
        value,
        ends_us,
        case
            when is_within_hour then quantity
            -- The difference of two rounded running sums: the pieces add up to the span's quantity exactly.
            else
                round(
                    quantity * (least(ends_us, (hour_number + 1) * {{ hour_us }}) - starts_us)
                    / (ends_us - starts_us), 12
                )
                - round(
                    quantity * (greatest(starts_us, hour_number * {{ hour_us }}) - starts_us)
                    / (ends_us - starts_us), 12
                )
        end as quantity,
        least(ends_us, (hour_number + 1) * {{ hour_us }}) - greatest(starts_us, hour_number * {{ hour_us }})
        as piece_us
    from spans
),

hours as (
    select
        site_code,
        window_number,
        hour_number,
        sum(quantity) as quantity,
        sum(piece_us) filter (where is_measured and finding is null) as measured_us,
        sum(quantity) filter (where not is_measured) as estimated_quantity,
        jsonb_agg(
            jsonb_build_object('kind', finding, 'at_us', ends_us, 'from_value', from_value, 'value', value)
            order by ends_us, finding, from_value, value
        ) filter (where finding is not null) as findings
    from pieces
    group by window_number, site_code, hour_number
)

select
    hours.site_code,
    windows.meter_code,
    hours.quantity,
    round(least(coalesce(hours.measured_us, 0)::numeric / {{ hour_us }}, 1), 9) as coverage,
    case when hours.quantity is not null then coalesce(hours.estimated_quantity, 0) end as estimated_quantity,
    hours.findings,
    to_timestamp(hours.hour_number * 3600) as hour_start
from hours
inner join {{ ref('int_meters__windows') }} as windows
    on
        hours.site_code = windows.site_code
        and hours.window_number = windows.window_number
        and windows.worker = {{ worker() }}
where
    hours.hour_number * {{ hour_us }} >= windows.emit_from_us
    and hours.hour_number * {{ hour_us }} < windows.emit_to_us
