-- One row per pair of consecutive counter readings of a run, after the outliers are out, with the
-- reading an event brings among them; is_plausible = false is a break: nothing is known between.
with parts as (
    select * from {{ ref('int_meters__parts') }}
    where reading_kind in ('register', 'manual')
),

points as (
    select
        readings.site_code,
        readings.meter_code,
        readings.part_number,
        readings.read_us,
        readings.value,
        1 as point_order
    from {{ ref('int_readings__judged') }} as readings
    inner join {{ ref('stg_ledger__meters') }} as meters
        on readings.site_code = meters.site_code and readings.meter_code = meters.meter_code
    where readings.verdict = 'accepted' and meters.reading_kind in ('register', 'manual')
    union all
    select
        site_code,
        meter_code,
        part_number,
        starts_us as read_us,
        first_reading as value,
        0 as point_order
    from parts
    where first_reading is not null
    union all
    select
        site_code,
        meter_code,
        part_number,
        ends_us as read_us,
        last_reading as value,
        2 as point_order
    from parts
    where last_reading is not null
),

placed as (
    select
        points.*,
        parts.run_number,
        parts.interval_us,
        parts.max_per_hour,
        parts.multiplier,
        parts.register_max
    from points
    inner join parts
        on
            points.site_code = parts.site_code
            and points.meter_code = parts.meter_code
            and points.part_number = parts.part_number
),

-- A step is judged by the multiplier and the counter length before it.
pairs as (
    select
        site_code,
        meter_code,
        lag(part_number) over along as from_part_number,
        part_number as to_part_number,
        interval_us,
        max_per_hour,
        lag(multiplier) over along as multiplier,
        lag(register_max) over along as register_max,
        lag(read_us) over along as from_us,
        read_us as to_us,
        lag(value) over along as from_value,
        value as to_value
    from placed
    window along as (
        partition by site_code, meter_code, run_number order by part_number, read_us, point_order
    )
)

select
    site_code,
    meter_code,
    from_part_number,
    to_part_number,
    interval_us,
    multiplier,
    from_us,
    to_us,
    from_value,
    to_value,
    {{ register_step('from_value', 'to_value') }} as step,
    {{ is_plausible_step('from_value', 'to_value', 'to_us - from_us') }}
    as is_plausible
from pairs
where from_us is not null
