-- One row per batch of readings and meter the ledger knows: completeness of each day within the time the
-- batch spans, and the ranges of its values.
--
-- Mark by mark (ops.dirty_meters: what a batch holds of a meter and a day of UTC): so each meter's readings are looked up
-- in their order and never sorted or hashed together, whether the batch holds a quarter of an hour or a year.
with known as not materialized (
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
        make_interval(
            secs => case
                when meters.reading_kind = 'interval' and meters.interval_label = 'end'
                    then (meters.interval_minutes * 60)::bigint
                else 0
            end
        ) as label_length,
        sites.timezone,
        sites.day_start
    from ledger.meters as meters
    inner join ledger.sites as sites on meters.site_code = sites.site_code
),

-- Materialized, since nothing is known of a table that was empty before this batch: taken for four rows a site, it would be
-- read once for each meter (23 s in place of 6 for a quarter of a thousand meters).
marked as materialized (
    select
        marks.batch_id,
        marks.site_code,
        marks.meter_code,
        marks.starts_at,
        marks.ends_at,
        batches.received_at
    from ops.dirty_meters as marks
    inner join ops.batches as batches on marks.batch_id = batches.batch_id
    where marks.batch_id in ($batch_ids)
),

-- What of a meter's marks lies within one of the site's days, half-open. (A day of UTC is part of two of them: a look for
-- each part would be twice as many.)
parts as (
    select
        marks.batch_id,
        marks.site_code,
        marks.meter_code,
        known.register_max,
        known.greatest_value,
        known.label_length,
        dates.first_date + series.day_number as stat_date,
        timestamptz 'epoch' + known.label_length as first_minute_at,
        greatest(
            min(marks.starts_at),
            '$earliest_stamp',
            (dates.first_date + series.day_number + known.day_start) at time zone known.timezone + known.label_length
        ) as starts_at,
        least(
            max(marks.ends_at) + interval '1 microsecond',
            marks.received_at + interval '$future_minutes minutes 1 microsecond',
            (dates.first_date + series.day_number + 1 + known.day_start) at time zone known.timezone
            + known.label_length
        ) as ends_at
    from marked as marks
    inner join known on marks.site_code = known.site_code and marks.meter_code = known.meter_code
    cross join lateral (
        select
            ((marks.starts_at - known.label_length) at time zone known.timezone - known.day_start)::date as first_date,
            ((marks.ends_at - known.label_length) at time zone known.timezone - known.day_start)::date as last_date
    ) as dates
    cross join lateral generate_series(0, dates.last_date - dates.first_date) as series (day_number)
    group by
        marks.batch_id,
        marks.received_at,
        marks.site_code,
        marks.meter_code,
        known.register_max,
        known.greatest_value,
        known.label_length,
        known.timezone,
        known.day_start,
        dates.first_date + series.day_number
),

days as materialized (
    select
        parts.batch_id,
        parts.site_code,
        parts.meter_code,
        parts.stat_date,
        found.slots as slots_found,
        date_part('epoch', found.first_at - parts.label_length) as first_s,
        date_part('epoch', found.last_at - parts.label_length) as last_s,
        found.readings as values_found,
        found.negative as values_negative,
        found.above_register as values_above_register,
        found.above_maximum as values_above_maximum
    from parts
    cross join lateral (
        select
            -- A repeated reading counts once, and so do several in a minute.
            count(distinct date_bin('1 minute', readings.read_at, parts.first_minute_at)) as slots,
            min(readings.read_at) as first_at,
            max(readings.read_at) as last_at,
            count(*) as readings,
            count(*) filter (where readings.value < 0) as negative,
            count(*) filter (where readings.value > parts.register_max) as above_register,
            count(*) filter (where readings.value > parts.greatest_value) as above_maximum
        from raw.readings as readings
        where
            readings.site_code = parts.site_code
            and readings.meter_code = parts.meter_code
            and readings.batch_id = parts.batch_id
            and readings.read_at >= parts.starts_at
            and readings.read_at < parts.ends_at
    ) as found
    where found.readings > 0
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
        site_code,
        meter_code,
        sum(values_found) as values_found,
        sum(values_negative) as values_negative,
        sum(values_above_register) as values_above_register,
        sum(values_above_maximum) as values_above_maximum
    from days
    group by batch_id, site_code, meter_code
),

-- A day at the edge of the batch is expected only as far as the batch reaches. Read by hand, or more rarely
-- than daily, a meter's day has no completeness; more than one reading a minute counts as one.
expected_days as (
    select
        meters.batch_id,
        meters.site_code,
        meters.meter_code,
        calendar.stat_date,
        floor(
            (
                least(date_part('epoch', calendar.ends_at), spans.last_s + known.interval_minutes * 60)
                - greatest(date_part('epoch', calendar.starts_at), spans.first_s)
            ) / (greatest(known.interval_minutes, 1) * 60)
        ) as slots_expected
    from meters
    inner join known on meters.site_code = known.site_code and meters.meter_code = known.meter_code
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
        expected_days.site_code,
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
            and expected_days.site_code = days.site_code
            and expected_days.meter_code = days.meter_code
            and expected_days.stat_date = days.stat_date
    where expected_days.slots_expected >= 1
    group by expected_days.batch_id, expected_days.site_code, expected_days.meter_code
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
inner join known on meters.site_code = known.site_code and meters.meter_code = known.meter_code
inner join ops.batches as batches on meters.batch_id = batches.batch_id
left join completeness
    on
        meters.batch_id = completeness.batch_id
        and meters.site_code = completeness.site_code
        and meters.meter_code = completeness.meter_code
