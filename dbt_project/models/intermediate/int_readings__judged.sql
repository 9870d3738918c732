{{ config(indexes=[{'columns': ['site_code', 'meter_code', 'read_us']}]) }}
-- One row per reading that landed, with its verdict: accepted, superseded (a higher revision stands),
-- repeated (the same value again), or why it is quarantined (contract §2, "Which readings count").
-- Row faults are out first; then the highest revision wins, and a disputed highest revision leaves the
-- instant without a reading. part_number says between which meter events an accepted reading lies.
with readings as (
    select
        readings.*,
        meters.reading_kind,
        meters.max_per_hour,
        meters.interval_us,
        -- An interval stamped at its end belongs to the part of the meter's life in which it began.
        case
            when meters.reading_kind = 'interval' and meters.interval_label = 'end'
                then readings.read_us - meters.interval_us
            else readings.read_us
        end as part_us,
        case
            when meters.meter_code is null then 'unknown_meter'
            when readings.quality = 'bad' then 'bad_quality'
            when readings.read_at > readings.received_at + interval '5 minutes' then 'future_stamp'
        end as row_fault
    from {{ ref('stg_raw__readings') }} as readings
    left join {{ ref('stg_ledger__meters') }} as meters
        on readings.site_code = meters.site_code and readings.meter_code = meters.meter_code
),

-- Of an instant the sound readings come first, the highest revision before the others; the frame holds
-- the readings of one revision.
compared as (
    select
        readings.*,
        rank() over of_instant as revision_rank,
        min(value) over of_instant as least_value,
        max(value) over of_instant as greatest_value,
        min((batch_id << 32) + line) over of_instant as first_copy
    from readings
    window of_instant as (
        partition by site_code, meter_code, read_at
        order by row_fault is not null, revision desc
        range between current row and current row
    )
),

ranked as (
    select
        compared.*,
        case
            when row_fault is not null then row_fault
            when least_value <> greatest_value then 'disputed'
            when revision_rank > 1 then 'superseded'
            when (batch_id << 32) + line > first_copy then 'repeated'
            when reading_kind in ('interval', 'rate') and value < 0 then 'negative'
            else 'winning'
        end as verdict
    from compared
),

placed as (
    select
        ranked.*,
        parts.part_number,
        parts.multiplier,
        parts.register_max,
        parts.first_reading,
        parts.last_reading,
        parts.starts_us,
        parts.ends_us
    from ranked
    left join {{ ref('int_meters__parts') }} as parts
        on
            ranked.verdict = 'winning'
            and ranked.site_code = parts.site_code
            and ranked.meter_code = parts.meter_code
            and ranked.part_us >= parts.starts_us
            and ranked.part_us < parts.ends_us
),

-- What the counter showed at a meter event is a reading too: a neighbour to compare with.
neighbours as (
    select
        placed.*,
        coalesce(lag(value) over around, first_reading) as value_before,
        coalesce(
            lag(read_us) over around, case when first_reading is not null then starts_us end
        ) as us_before,
        coalesce(lead(value) over around, last_reading) as value_after,
        coalesce(
            lead(read_us) over around, case when last_reading is not null then ends_us end
        ) as us_after
    from placed
    window around as (
        partition by site_code, meter_code, verdict = 'winning', part_number order by read_at
    )
)

select
    site_code,
    meter_code,
    quality,
    case
        when verdict <> 'winning' then verdict
        when
            reading_kind = 'interval' and value * multiplier * 3600000000 > max_per_hour * interval_us
            then 'above_max_per_hour'
        when reading_kind = 'rate' and value * multiplier > max_per_hour then 'above_max_per_hour'
        when
            reading_kind in ('register', 'manual')
            and us_before is not null
            and us_after is not null
            and not (
                {{ is_plausible_step('value_before', 'value', 'read_us - us_before') }}
                and {{ is_plausible_step('value', 'value_after', 'us_after - read_us') }}
            )
            and {{ is_plausible_step('value_before', 'value_after', 'us_after - us_before') }}
            then 'outlier'
        else 'accepted'
    end as verdict,
    part_number,
    revision,
    value,
    batch_id,
    line,
    read_us,
    read_at
from neighbours
