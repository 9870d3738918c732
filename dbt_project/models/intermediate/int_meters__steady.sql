{%- set hour_us = 3600000000 %}
{#- Of the form of int_meters__spans. -#}
{%- set steps %}
(
    select
        stepped.site_code,
        windows.window_number,
        null::numeric as from_value,
        null::numeric as value,
        case
            when stepped.value is null or stepped.span_us = 0 then 'unsteady'
            when not is_counter then {{ refusal_of_quantity() }}
            when stepped.step is null then 'unsteady'
            -- Follows from the rule for a step that took an interval or longer, and is sooner worked out.
            when
                stepped.step >= 0
                and stepped.span_us >= windows.interval_us
                and stepped.step * windows.step_scale <= windows.most_per_interval
                then null
            when {{ is_plausible_step('stepped.step', 'stepped.span_us') }} then null
            else 'unsteady'
        end as finding,
        not is_counter or {{ is_short_span('stepped.span_us') }} as is_measured,
        case
            when is_counter then {{ register_step('stepped.step') }} * multiplier
            when is_rate then stepped.value * multiplier * ({{ until_us() }} - stepped.read_us + label_us) / {{ hour_us }}
            else stepped.value * multiplier
        end as quantity,
        stepped.read_us - case when is_counter then stepped.span_us else label_us end as starts_us,
        {{ until_us() }} as ends_us
    from (
        select
            readings.site_code,
            readings.read_us,
            readings.value,
            lead(readings.read_us) over along as next_us,
            readings.value - lag(readings.value) over along as step,
            readings.read_us - lag(readings.read_us) over along as span_us
        from (
            select
                site_code,
                read_at,
                read_us,
                case when batch_id <> all(windows.odd_batches) then value end as value
            from {{ ref('stg_raw__landed_readings') }}
            where
                site_code = windows.site_code
                and meter_code = windows.meter_code
                and read_at >= windows.region_from_at
                and read_at <= windows.region_to_at
                and quality <> 'bad'
                and windows.multiplier is not null
        ) as readings
        window along as (partition by readings.site_code order by readings.read_at)
    ) as stepped
    -- The first reading of a counter has no step.
    where stepped.span_us is not null or not is_counter
)
{%- endset %}
-- One row per window, with its hours where the meter was steady: no event, one reading at an instant, and none that
-- could be refused: of a counter each a plausible step from the one before, of another meter each within its bounds.
-- Then nothing is in dispute, nothing an outlier (which takes an implausible step) and nothing a break: each reading
-- counts, and spans lie between neighbours. So what sorts readings three times to find that out (int_readings__judged,
-- int_meters__spans) need not be asked. Most meters are steady most of the time, and this takes a third of the time
-- (decision 0009). Elsewhere is_steady is false, or null.
--
-- In arrays, for whether a window is steady is known only after the last of its hours. They are null where it is not.
select
    windows.site_code,
    windows.meter_code,
    windows.worker,
    windows.window_number,
    windows.emit_from_us,
    windows.emit_to_us,
    found.is_steady,
    found.steady_hour_number,
    found.steady_quantity,
    found.steady_measured_us,
    found.steady_estimated_quantity
from (
    select
        windows.*,
        known.*,
        coalesce(odd.batch_ids, '{}') as odd_batches
    from {{ ref('int_meters__windows') }} as windows
    -- Grouped, so that it is worked out once for each window and not for each use of each reading.
    left join lateral (
        select
            parts.reading_kind in ('register', 'manual') as is_counter,
            parts.reading_kind = 'rate' as is_rate,
            parts.interval_us,
            {{ label_us() }} as label_us,
            parts.multiplier,
            parts.register_max,
            parts.max_per_hour,
            parts.multiplier * {{ hour_us }} as step_scale,
            parts.max_per_hour * parts.interval_us as most_per_interval
        from {{ ref('int_meters__parts') }} as parts
        where
            parts.site_code = windows.site_code
            and parts.meter_code = windows.meter_code
            -- So far within the part that no span, nor what the counter showed at an event, reaches across its ends.
            and (parts.part_number = 0 or windows.region_from_us > parts.starts_us + 3 * parts.interval_us)
            and (
                parts.ends_us = {{ var('last_us') }} or windows.region_to_us + 3 * parts.interval_us < parts.ends_us
            )
        group by
            parts.site_code,
            parts.reading_kind,
            parts.interval_label,
            parts.interval_us,
            parts.multiplier,
            parts.register_max,
            parts.max_per_hour
    ) as known on true
    left join lateral (
        select array_agg(batches.batch_id) as batch_ids
        from {{ ref('stg_ops__odd_batches') }} as batches
        where batches.site_code = windows.site_code
        group by batches.site_code
    ) as odd on true
) as windows
left join lateral (
    select
        bool_and(hours.is_steady) as is_steady,
        {% for column in ['hour_number', 'quantity', 'measured_us', 'estimated_quantity'] -%}
            case when bool_and(hours.is_steady) then array_agg(hours.{{ column }}) end as steady_{{ column }},
        {% endfor -%}
        hours.site_code
    from (
        select
            pieces.site_code,
            pieces.unit_number as hour_number,
            bool_and(pieces.finding is null) as is_steady,
            {{ sums_of_pieces() }}
        from {{ pieces_of_spans(hour_us, steps) }} as pieces
        group by pieces.site_code, pieces.unit_number
    ) as hours
    where hours.site_code = windows.site_code
    group by hours.site_code
) as found on true
