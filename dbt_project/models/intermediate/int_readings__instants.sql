{%- set carried = [
    'run_number', 'is_counter', 'is_rate', 'interval_us', 'label_us', 'part_ends_us', 'multiplier', 'register_max',
    'max_per_hour', 'cut_starts_us', 'cut_ends_us', 'cut_run_numbers', 'cut_multipliers', 'cut_register_maxes',
] %}
-- One row per window, instant and reading that may count there: the highest revision's, and what a counter
-- showed at a meter event. value is null where the highest revision disputes itself (contract §2).
--
-- int_meters__hours asks window by window and trusts that no join follows here: the planner knows little of a single
-- window, and a join that it believes to be of one row may cost a day. So each row carries what is known of its part.
--
-- Part by part within a window, and what is known of the part comes with it: nothing but instants is sorted and compared.
with windows as not materialized (
    select
        windows.site_code,
        windows.meter_code,
        windows.window_number,
        windows.region_from_us,
        windows.region_to_us,
        parts.part_number,
        parts.run_number,
        parts.reading_kind in ('register', 'manual') as is_counter,
        parts.reading_kind = 'rate' as is_rate,
        parts.interval_us,
        parts.multiplier,
        parts.register_max,
        parts.max_per_hour,
        parts.starts_us,
        parts.ends_us,
        parts.first_reading,
        parts.last_reading,
        parts.ends_us as part_ends_us,
        label.label_us,
        cuts.cut_starts_us,
        cuts.cut_ends_us,
        cuts.cut_run_numbers,
        cuts.cut_multipliers,
        cuts.cut_register_maxes,
        -- Half-open, and comparable with the index.
        greatest(windows.region_from_at, to_timestamp((parts.starts_us + label.label_us) / 1000000.0)) as first_read_at,
        least(
            windows.region_to_at + interval '1 microsecond', to_timestamp((parts.ends_us + label.label_us) / 1000000.0)
        ) as after_read_at
    from {{ ref('int_meters__windows') }} as windows
    inner join {{ ref('int_meters__parts') }} as parts
        on windows.site_code = parts.site_code and windows.meter_code = parts.meter_code
    left join lateral (
        select
            array_agg(all_parts.starts_us order by all_parts.part_number) as cut_starts_us,
            array_agg(all_parts.ends_us order by all_parts.part_number) as cut_ends_us,
            array_agg(all_parts.run_number order by all_parts.part_number) as cut_run_numbers,
            array_agg(all_parts.multiplier order by all_parts.part_number) as cut_multipliers,
            array_agg(all_parts.register_max order by all_parts.part_number) as cut_register_maxes
        from {{ ref('int_meters__parts') }} as all_parts
        where all_parts.site_code = windows.site_code and all_parts.meter_code = windows.meter_code
        group by all_parts.site_code
        having count(*) > 1
    ) as cuts on true
    -- An interval stamped at its end belongs to the part of the meter's life in which it began.
    cross join lateral (
        select
            {{ label_us() }} as label_us
    ) as label
)

select
    windows.window_number,
    windows.site_code,
    windows.part_number,
    points.read_us,
    points.point_order,
    {% for column in carried -%}
        windows.{{ column }},
    {% endfor -%}
    points.value
from windows
cross join lateral (
    select distinct on (known.site_code, known.read_us, known.point_order)
        known.read_us,
        known.point_order,
        case when min(known.value) = max(known.value) then min(known.value) end as value
    from (
        select
            readings.site_code,
            1 as point_order,
            readings.read_us,
            readings.value,
            readings.revision
        from {{ ref('stg_raw__readings') }} as readings
        where
            readings.site_code = windows.site_code
            and readings.meter_code = windows.meter_code
            and readings.read_at >= windows.first_read_at
            and readings.read_at < windows.after_read_at
            and readings.quality <> 'bad'
            and not readings.is_future
        union all
        -- At the instant of an event the old counter's last reading comes first, then the new one's first.
        select
            windows.site_code,
            edges.point_order,
            edges.read_us,
            edges.value,
            0 as revision
        from (
            values (0, windows.starts_us, windows.first_reading), (2, windows.ends_us, windows.last_reading)
        ) as edges (point_order, read_us, value)
        where
            edges.value is not null
            and windows.is_counter
            and edges.read_us between windows.region_from_us and windows.region_to_us
    ) as known
    where known.site_code = windows.site_code
    group by known.site_code, known.read_us, known.point_order, known.revision
    order by known.site_code asc, known.read_us asc, known.point_order asc, known.revision desc
) as points
