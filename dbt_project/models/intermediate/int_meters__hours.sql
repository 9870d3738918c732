{{ config(
    materialized='fact',
    tags='meters',
    indexes=[{'columns': ['site_code', 'meter_code', 'hour_start'], 'unique': true}],
    pre_hook="{{ delete_in_windows('hour_start') }}",
) }}
{%- set hour_us = 3600000000 %}
-- One row per meter and hour of which anything is known or in which something was found; quantity is null where
-- only something was found.
--
-- Window by window: the planner carries the window's number down to the readings, so that nothing is ever sorted but
-- one meter's rows, which come in order anyway. All windows in one sort took half as long again, and the disk.
select
    windows.site_code,
    windows.meter_code,
    hours.quantity,
    round(least(coalesce(hours.measured_us, 0)::numeric / {{ hour_us }}, 1), 9) as coverage,
    case when hours.quantity is not null then coalesce(hours.estimated_quantity, 0) end as estimated_quantity,
    case
        when hours.findings is not null
            then (
                select
                    jsonb_agg(
                        one.finding
                        order by
                            (one.finding ->> 'at_us')::bigint,
                            one.finding ->> 'kind',
                            (one.finding ->> 'from_value')::numeric,
                            (one.finding ->> 'value')::numeric
                    )
                from jsonb_array_elements(hours.findings) as one (finding)
            )
    end as findings,
    to_timestamp(hours.hour_number * 3600) as hour_start
from {{ ref('int_meters__windows') }} as windows
cross join lateral (
    select
        pieces.site_code,
        pieces.hour_number,
        sum(pieces.quantity) as quantity,
        sum(pieces.piece_us) filter (where pieces.is_measured and pieces.finding is null) as measured_us,
        sum(pieces.quantity) filter (where not pieces.is_measured) as estimated_quantity,
        jsonb_agg(
            jsonb_build_object(
                'kind', pieces.finding, 'at_us', pieces.ends_us, 'from_value', pieces.from_value, 'value', pieces.value
            )
        ) filter (where pieces.finding is not null) as findings
    from (
        select
            spans.site_code,
            spans.window_number,
            spans.hour_number,
            spans.is_measured,
            spans.finding,
            spans.from_value,
            spans.value,
            spans.ends_us,
            case
                when spans.is_within_hour then spans.quantity
                -- The difference of two rounded running sums: the pieces add up to the span's quantity exactly.
                else
                    round(
                        spans.quantity
                        * (least(spans.ends_us, (spans.hour_number + 1) * {{ hour_us }}) - spans.starts_us)
                        / (spans.ends_us - spans.starts_us), 12
                    )
                    - round(
                        spans.quantity
                        * (greatest(spans.starts_us, spans.hour_number * {{ hour_us }}) - spans.starts_us)
                        / (spans.ends_us - spans.starts_us), 12
                    )
            end as quantity,
            least(spans.ends_us, (spans.hour_number + 1) * {{ hour_us }})
            - greatest(spans.starts_us, spans.hour_number * {{ hour_us }}) as piece_us
        from (
            select
                numbered.*,
                first_hour = last_hour as is_within_hour,
                generate_series(first_hour, last_hour) as hour_number
            from (
                select
                    spans.*,
                    {{ hour_number('spans.starts_us') }} as first_hour,
                    -- The last instant belongs to the hour before; a span of no length to the hour it lies in.
                    {{ hour_number('greatest(spans.ends_us - 1, spans.starts_us)') }} as last_hour
                from {{ ref('int_meters__spans') }} as spans
            ) as numbered
        ) as spans
    ) as pieces
    where pieces.site_code = windows.site_code and pieces.window_number = windows.window_number
    group by pieces.site_code, pieces.hour_number
) as hours
where
    windows.worker = {{ worker() }}
    and hours.hour_number * {{ hour_us }} >= windows.emit_from_us
    and hours.hour_number * {{ hour_us }} < windows.emit_to_us
