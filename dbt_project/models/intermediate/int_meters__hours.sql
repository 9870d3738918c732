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
from {{ ref('int_meters__steady') }} as windows
left join lateral (
    select
        pieces.unit_number as hour_number,
        {{ sums_of_pieces() }},
        jsonb_agg(
            jsonb_build_object(
                'kind', pieces.finding, 'at_us', pieces.ends_us, 'from_value', pieces.from_value, 'value', pieces.value
            )
        ) filter (where pieces.finding is not null) as findings
    from {{ pieces_of_spans(hour_us) }} as pieces
    where
        windows.is_steady is not true
        and pieces.site_code = windows.site_code
        and pieces.window_number = windows.window_number
    group by pieces.site_code, pieces.unit_number
) as found on true
left join lateral unnest(
    windows.steady_hour_number, windows.steady_quantity, windows.steady_measured_us, windows.steady_estimated_quantity
) as known (hour_number, quantity, measured_us, estimated_quantity) on true
cross join lateral (
    select
        coalesce(known.hour_number, found.hour_number) as hour_number,
        coalesce(known.quantity, found.quantity) as quantity,
        coalesce(known.measured_us, found.measured_us) as measured_us,
        coalesce(known.estimated_quantity, found.estimated_quantity) as estimated_quantity,
        found.findings
) as hours
where
    windows.worker = {{ worker() }}
    and hours.hour_number * {{ hour_us }} >= windows.emit_from_us
    and hours.hour_number * {{ hour_us }} < windows.emit_to_us
