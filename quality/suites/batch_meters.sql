-- One row per batch of readings and meter the ledger knows: completeness of each day within the time the
-- batch spans, and the ranges of its values.
with readings as (
    select
        readings.batch_id,
        readings.site_code,
        readings.meter_code,
        readings.value,
        meters.reading_kind,
        meters.register_max,
        meters.max_per_hour,
        meters.multiplier,
        meters.interval_minutes,
        sites.timezone,
        sites.day_start,
        batches.file,
        -- Where the interval begins that the reading closes.
        readings.read_at - case
            when meters.reading_kind = 'interval' and meters.interval_label = 'end'
                then meters.interval_minutes * interval '1 minute'
            else interval '0'
        end as slot_at
    from raw.readings as readings
    inner join ops.batches as batches on readings.batch_id = batches.batch_id
    inner join ledger.sites as sites on readings.site_code = sites.site_code
    inner join ledger.meters as meters
        on readings.site_code = meters.site_code and readings.meter_code = meters.meter_code
    where
        readings.batch_id in ($batch_ids)
        and readings.read_at >= greatest('$first_read_at'::timestamptz, '$earliest_stamp')
        and readings.read_at <= '$last_read_at'
        and readings.read_at <= batches.received_at + interval '$future_minutes minutes'
),

days as (
    select
        batch_id,
        site_code,
        meter_code,
        timezone,
        day_start,
        interval_minutes,
        reading_kind,
        file,
        ((slot_at at time zone timezone) - day_start)::date as stat_date,
        count(distinct slot_at) as slots_found,
        min(slot_at) as first_slot_at,
        max(slot_at) as last_slot_at,
        count(*) as values_found,
        count(*) filter (where value < 0) as values_negative,
        count(*) filter (where value > register_max) as values_above_register,
        count(*) filter (
            where
            reading_kind in ('interval', 'rate')
            and value * multiplier * 60
            > max_per_hour * case when reading_kind = 'interval' then interval_minutes else 60 end
        ) as values_above_maximum
    from readings
    group by
        batch_id, site_code, meter_code, timezone, day_start, interval_minutes, reading_kind, file, stat_date
),

spans as (
    select
        batch_id,
        min(first_slot_at) as first_slot_at,
        max(last_slot_at) as last_slot_at,
        min(stat_date) as first_date,
        max(stat_date) as last_date
    from days
    group by batch_id
),

meters as (
    select
        batch_id,
        site_code,
        meter_code,
        timezone,
        day_start,
        interval_minutes,
        reading_kind,
        file,
        sum(values_found) as values_found,
        sum(values_negative) as values_negative,
        sum(values_above_register) as values_above_register,
        sum(values_above_maximum) as values_above_maximum
    from days
    group by batch_id, site_code, meter_code, timezone, day_start, interval_minutes, reading_kind, file
),

-- A day at the edge of the batch is expected only as far as the batch reaches.
expected_days as (
    select
        meters.batch_id,
        meters.meter_code,
        calendar.stat_date,
        floor(
            extract(epoch from
                least(
                    ((calendar.stat_date + 1) + meters.day_start) at time zone meters.timezone,
                    spans.last_slot_at + meters.interval_minutes * interval '1 minute'
                )
                - greatest(
                    (calendar.stat_date + meters.day_start) at time zone meters.timezone, spans.first_slot_at
                )
            ) / (meters.interval_minutes * 60)
        ) as slots_expected
    from meters
    inner join spans on meters.batch_id = spans.batch_id
    cross join lateral (
        select spans.first_date + day_number as stat_date
        from generate_series(0, spans.last_date - spans.first_date) as series (day_number)
    ) as calendar
    -- Read by hand, or more rarely than daily: a day of it has no completeness.
    where meters.reading_kind <> 'manual' and meters.interval_minutes <= 1440
),

completeness as (
    select
        expected_days.batch_id,
        expected_days.meter_code,
        count(*) as days_judged,
        count(*) filter (
            where coalesce(days.slots_found, 0) < expected_days.slots_expected * $completeness
        ) as days_incomplete,
        min(expected_days.stat_date) filter (
            where coalesce(days.slots_found, 0) < expected_days.slots_expected * $completeness
        )::text as first_incomplete_day
    from expected_days
    left join days
        on
            expected_days.batch_id = days.batch_id
            and expected_days.meter_code = days.meter_code
            and expected_days.stat_date = days.stat_date
    where expected_days.slots_expected >= 1
    group by expected_days.batch_id, expected_days.meter_code
)

select
    meters.batch_id,
    meters.site_code,
    meters.file,
    meters.meter_code,
    meters.values_found,
    completeness.days_judged,
    completeness.days_incomplete,
    completeness.first_incomplete_day,
    meters.values_above_register,
    case
        when meters.values_found >= $minimum_values
            then round(meters.values_above_maximum / meters.values_found, 4)
    end as above_maximum_share,
    case
        when meters.reading_kind in ('interval', 'rate') and meters.values_found >= $minimum_values
            then round(meters.values_negative / meters.values_found, 4)
    end as negative_share
from meters
left join completeness on meters.batch_id = completeness.batch_id and meters.meter_code = completeness.meter_code
