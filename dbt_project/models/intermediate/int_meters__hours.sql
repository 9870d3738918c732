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
        pieces.unit_number as hour_number,
        sum(pieces.quantity) as quantity,
        sum(pieces.piece_us) filter (where pieces.is_measured and pieces.finding is null) as measured_us,
        sum(pieces.quantity) filter (where not pieces.is_measured) as estimated_quantity,
        jsonb_agg(
            jsonb_build_object(
                'kind', pieces.finding, 'at_us', pieces.ends_us, 'from_value', pieces.from_value, 'value', pieces.value
            )
        ) filter (where pieces.finding is not null) as findings
    from {{ pieces_of_spans(hour_us) }} as pieces
    where pieces.site_code = windows.site_code and pieces.window_number = windows.window_number
    group by pieces.site_code, pieces.unit_number
) as hours
where
    windows.worker = {{ worker() }}
    and hours.hour_number * {{ hour_us }} >= windows.emit_from_us
    and hours.hour_number * {{ hour_us }} < windows.emit_to_us
