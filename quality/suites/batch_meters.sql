-- One row per batch of readings and meter the ledger knows: completeness of each day within the time the
-- batch spans, and the ranges of its values. Meters are numbered, so that millions of readings are grouped by
-- integers and not by codes.
with known as materialized (
    select
        meters.site_code,
        meters.meter_code,
        meters.reading_kind,
        meters.interval_minutes,
        meters.register_max,
        -- What a single value must not exceed, where a value is a quantity.
        case meters.reading_kind
            when 'interval' then meters.max_per_hour * meters.interval_minutes / 60 / meters.multiplier
            when 'rate' then meters.max_per_hour / meters.multiplier
        end as greatest_value,
        -- From a stamp back to where the interval begins that it closes.
        case
            when meters.reading_kind = 'interval' and meters.interval_label = 'end'
                then (meters.interval_minutes * 60)::bigint
            else 0
        end as label_seconds,
        sites.timezone,
        sites.day_start,
        row_number() over () as meter_number
    from ledger.meters as meters
    inner join ledger.sites as sites on meters.site_code = sites.site_code
    where meters.site_code in (select site_code from ops.batches where batch_id in ($batch_ids))
),

readings as (
    select
        readings.batch_id,
        known.meter_number,
        readings.value,
        known.register_max,
        known.greatest_value,
        date_part('epoch', readings.read_at)::bigint - known.label_seconds as starts_s
    from raw.readings as readings
    inner join ops.batches as batches on readings.batch_id = batches.batch_id
    inner join known on readings.site_code = known.site_code and readings.meter_code = known.meter_code
    where
        readings.batch_id in ($batch_ids)
        and readings.read_at >= greatest('$first_read_at'::timestamptz, '$earliest_stamp')
        and readings.read_at <= '$last_read_at'
        and readings.read_at <= batches.received_at + interval '$future_minutes minutes'
),

-- Which minutes of the hour were read, as a bit mask: a repeated reading counts once, without a sort.
hours as (
    select
        batch_id,
        meter_number,
        starts_s / 3600 as hour_number,
        bit_or(1::bigint << mod(starts_s / 60, 60)::integer) as minutes_read,
        min(starts_s) as first_s,
        max(starts_s) as last_s,
        count(*) as values_found,
        count(*) filter (where value < 0) as values_negative,
        count(*) filter (where value > register_max) as values_above_register,
        count(*) filter (where value > greatest_value) as values_above_maximum
    from readings
    group by batch_id, meter_number, hour_number
),

days as materialized (
    select
        hours.batch_id,
        hours.meter_number,
        ((to_timestamp(hours.first_s) at time zone known.timezone) - known.day_start)::date as stat_date,
        sum(bit_count(hours.minutes_read::bit(64))) as slots_found,
        min(hours.first_s) as first_s,
        max(hours.last_s) as last_s,
        sum(hours.values_found) as values_found,
        sum(hours.values_negative) as values_negative,
        sum(hours.values_above_register) as values_above_register,
        sum(hours.values_above_maximum) as values_above_maximum
    from hours
    inner join known on hours.meter_number = known.meter_number
    group by hours.batch_id, hours.meter_number, stat_date
),

spans as (
    select
        batch_id,
        min(first_s) as first_s,
        max(last_s) as last_s
    from days
    group by batch_id
),

meters as (
    select
        batch_id,
        meter_number,
        sum(values_found) as values_found,
        sum(values_negative) as values_negative,
        sum(values_above_register) as values_above_register,
        sum(values_above_maximum) as values_above_maximum
    from days
    group by batch_id, meter_number
),

-- A day at the edge of the batch is expected only as far as the batch reaches. Read by hand, or more rarely
-- than daily, a meter's day has no completeness; more than one reading a minute counts as one.
expected_days as (
    select
        meters.batch_id,
        meters.meter_number,
        calendar.stat_date,
        floor(
            (
                least(date_part('epoch', calendar.ends_at), spans.last_s + known.interval_minutes * 60)
                - greatest(date_part('epoch', calendar.starts_at), spans.first_s)
            ) / (greatest(known.interval_minutes, 1) * 60)
        ) as slots_expected
    from meters
    inner join known on meters.meter_number = known.meter_number
    inner join spans on meters.batch_id = spans.batch_id
    cross join lateral (
        select
            first_date + day_number as stat_date,
            (first_date + day_number + known.day_start) at time zone known.timezone as starts_at,
            (first_date + day_number + 1 + known.day_start) at time zone known.timezone as ends_at
        from (
            select
                ((to_timestamp(spans.first_s) at time zone known.timezone) - known.day_start)::date as first_date,
                ((to_timestamp(spans.last_s) at time zone known.timezone) - known.day_start)::date as last_date
        ) as dates
        cross join lateral generate_series(0, dates.last_date - dates.first_date) as series (day_number)
    ) as calendar
    where known.reading_kind <> 'manual' and known.interval_minutes <= 1440
),

completeness as (
    select
        expected_days.batch_id,
        expected_days.meter_number,
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
            and expected_days.meter_number = days.meter_number
            and expected_days.stat_date = days.stat_date
    where expected_days.slots_expected >= 1
    group by expected_days.batch_id, expected_days.meter_number
)

select
    meters.batch_id,
    known.site_code,
    batches.file,
    known.meter_code,
    meters.values_found,
    completeness.days_judged,
    completeness.days_incomplete,
    completeness.first_incomplete_day,
    meters.values_above_register,
    case
        when meters.values_found >= $minimum_values and known.greatest_value is not null
            then round(meters.values_above_maximum / meters.values_found, 4)
    end as above_maximum_share,
    case
        when known.reading_kind in ('interval', 'rate') and meters.values_found >= $minimum_values
            then round(meters.values_negative / meters.values_found, 4)
    end as negative_share
from meters
inner join known on meters.meter_number = known.meter_number
inner join ops.batches as batches on meters.batch_id = batches.batch_id
left join completeness
    on meters.batch_id = completeness.batch_id and meters.meter_number = completeness.meter_number
