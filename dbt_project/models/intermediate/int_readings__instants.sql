{%- set carried = [
    'run_number', 'is_counter', 'is_rate', 'interval_us', 'label_us', 'part_ends_us', 'multiplier', 'register_max',
    'max_per_hour', 'cut_starts_us', 'cut_ends_us', 'cut_run_numbers', 'cut_multipliers', 'cut_register_maxes',
] %}
-- One row per window, instant and reading that may count there: the highest revision's, and what a counter
-- showed at a meter event. value is null where the highest revision disputes itself (contract §2).
--
-- int_meters__hours asks window by window and trusts that no join follows here: the planner knows little of a single
-- window, and a join that it believes to be of one row may cost a day. So each row carries what is known of its part.
with cut_meters as (
    select
        site_code,
        meter_code,
        array_agg(starts_us order by part_number) as cut_starts_us,
        array_agg(ends_us order by part_number) as cut_ends_us,
        array_agg(run_number order by part_number) as cut_run_numbers,
        array_agg(multiplier order by part_number) as cut_multipliers,
        array_agg(register_max order by part_number) as cut_register_maxes
    from {{ ref('int_meters__parts') }}
    group by site_code, meter_code
    having count(*) > 1
),

windows as (
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
        cut_meters.cut_starts_us,
        cut_meters.cut_ends_us,
        cut_meters.cut_run_numbers,
        cut_meters.cut_multipliers,
        cut_meters.cut_register_maxes,
        -- Half-open, and comparable with the index.
        greatest(windows.region_from_at, to_timestamp((parts.starts_us + label.label_us) / 1000000.0)) as first_read_at,
        least(
            windows.region_to_at + interval '1 microsecond', to_timestamp((parts.ends_us + label.label_us) / 1000000.0)
        ) as after_read_at
    from {{ ref('int_meters__windows') }} as windows
    inner join {{ ref('int_meters__parts') }} as parts
        on windows.site_code = parts.site_code and windows.meter_code = parts.meter_code
    left join cut_meters
        on windows.site_code = cut_meters.site_code and windows.meter_code = cut_meters.meter_code
    -- An interval stamped at its end belongs to the part of the meter's life in which it began.
    cross join lateral (
        select
            case when parts.reading_kind = 'interval' and parts.interval_label = 'end' then parts.interval_us else 0 end
            as label_us
    ) as label
),

points as (
    select
        windows.site_code,
        windows.window_number,
        windows.part_number,
        1 as point_order,
        {% for column in carried -%}
            windows.{{ column }},
        {% endfor -%}
        readings.read_us,
        readings.value,
        readings.revision
    from windows
    inner join {{ ref('stg_raw__readings') }} as readings
        on
            windows.site_code = readings.site_code
            and windows.meter_code = readings.meter_code
            and windows.first_read_at <= readings.read_at
            and windows.after_read_at > readings.read_at
    where readings.quality <> 'bad' and not readings.is_future
    union all
    -- At the instant of an event the old counter's last reading comes first, then the new one's first.
    select
        windows.site_code,
        windows.window_number,
        windows.part_number,
        edges.point_order,
        {% for column in carried -%}
            windows.{{ column }},
        {% endfor -%}
        edges.read_us,
        edges.value,
        0 as revision
    from windows
    cross join lateral (
        values (0, windows.starts_us, windows.first_reading), (2, windows.ends_us, windows.last_reading)
    ) as edges (point_order, read_us, value)
    where
        edges.value is not null
        and windows.is_counter
        and edges.read_us between windows.region_from_us and windows.region_to_us
)

select distinct on (window_number, site_code, part_number, read_us, point_order)
    window_number,
    site_code,
    part_number,
    read_us,
    point_order,
    {{ carried | join(', ') }},
    case when min(value) = max(value) then min(value) end as value
from points
group by window_number, site_code, part_number, read_us, point_order, revision, {{ carried | join(', ') }}
order by
    window_number asc, site_code asc, part_number asc, read_us asc, point_order asc, revision desc
