-- One row per meter and span of time over which a quantity is known; the quantity spreads evenly over
-- its span. A span that an event cuts is several rows, each with the multiplier of its part.
with parts as (
    select * from {{ ref('int_meters__parts') }}
),

register_steps as (
    select * from {{ ref('int_registers__steps') }}
    where is_plausible
),

register_spans as (
    select
        site_code,
        meter_code,
        interval_us,
        from_us as starts_us,
        to_us as ends_us,
        step * multiplier as quantity
    from register_steps
    where from_part_number = to_part_number
    union all
    -- Across soft cuts: divided by time, each part with its own multiplier.
    select
        steps.site_code,
        steps.meter_code,
        steps.interval_us,
        greatest(steps.from_us, parts.starts_us) as starts_us,
        least(steps.to_us, parts.ends_us) as ends_us,
        steps.step * parts.multiplier
        * (least(steps.to_us, parts.ends_us) - greatest(steps.from_us, parts.starts_us))
        / (steps.to_us - steps.from_us) as quantity
    from register_steps as steps
    inner join parts
        on
            steps.site_code = parts.site_code
            and steps.meter_code = parts.meter_code
            and parts.part_number between steps.from_part_number and steps.to_part_number
    where
        steps.from_part_number <> steps.to_part_number
        -- A reading at the very cut leaves nothing of the span on its other side.
        and greatest(steps.from_us, parts.starts_us) < least(steps.to_us, parts.ends_us)
),

timed as (
    select
        readings.site_code,
        readings.meter_code,
        meters.reading_kind,
        readings.value,
        meters.interval_us,
        case
            when meters.reading_kind = 'interval' and meters.interval_label = 'end'
                then readings.read_us - meters.interval_us
            else readings.read_us
        end as starts_us,
        lead(readings.read_us) over (
            partition by readings.site_code, readings.meter_code order by readings.read_us
        ) as next_us
    from {{ ref('int_readings__judged') }} as readings
    inner join {{ ref('stg_ledger__meters') }} as meters
        on readings.site_code = meters.site_code and readings.meter_code = meters.meter_code
    where readings.verdict = 'accepted' and meters.reading_kind in ('interval', 'rate')
),

-- A rate holds until the next reading if that comes within three intervals, else for one.
bounded as (
    select
        site_code,
        meter_code,
        reading_kind,
        value,
        starts_us,
        case
            when reading_kind = 'rate' and next_us - starts_us <= 3 * interval_us then next_us
            else starts_us + interval_us
        end as ends_us
    from timed
),

timed_spans as (
    select
        bounded.site_code,
        bounded.meter_code,
        greatest(bounded.starts_us, parts.starts_us) as starts_us,
        least(bounded.ends_us, parts.ends_us) as ends_us,
        case
            when bounded.reading_kind = 'rate'
                then
                    bounded.value * parts.multiplier
                    * (least(bounded.ends_us, parts.ends_us) - greatest(bounded.starts_us, parts.starts_us))
                    / 3600000000
            when bounded.starts_us >= parts.starts_us and bounded.ends_us <= parts.ends_us
                then bounded.value * parts.multiplier
            else
                bounded.value * parts.multiplier
                * (least(bounded.ends_us, parts.ends_us) - greatest(bounded.starts_us, parts.starts_us))
                / (bounded.ends_us - bounded.starts_us)
        end as quantity
    from bounded
    inner join parts
        on
            bounded.site_code = parts.site_code
            and bounded.meter_code = parts.meter_code
            and bounded.starts_us < parts.ends_us
            and bounded.ends_us > parts.starts_us
)

select
    site_code,
    meter_code,
    -- A register read so rarely says how much, not when: its hours are estimated.
    ends_us - starts_us <= 3 * interval_us as is_measured,
    quantity,
    starts_us,
    ends_us
from register_spans
union all
select
    site_code,
    meter_code,
    true as is_measured,
    quantity,
    starts_us,
    ends_us
from timed_spans
