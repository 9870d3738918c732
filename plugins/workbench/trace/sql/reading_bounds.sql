-- Between which instants the readings lie that decide a meter's hours: from the last accepted reading before them
-- to the first after them, and at least one usual spacing to either side.
-- site_code, meter_codes; starts_at, ends_at: the hours, half-open
select
    meters.meter_code,
    least(
        coalesce(before.read_at, %(starts_at)s::timestamptz),
        %(starts_at)s::timestamptz - make_interval(secs => meters.interval_minutes * 60)
    ) as from_at,
    greatest(
        coalesce(following.read_at, %(ends_at)s::timestamptz),
        %(ends_at)s::timestamptz + make_interval(secs => meters.interval_minutes * 60)
    ) as to_at
from ledger.meters as meters
left join lateral (
    select readings.read_at
    from raw.readings as readings
    inner join ops.batches as batches on readings.batch_id = batches.batch_id and batches.status = 'accepted'
    where
        readings.site_code = meters.site_code
        and readings.meter_code = meters.meter_code
        and readings.read_at <= %(starts_at)s::timestamptz
        and not exists (
            select 1 from quarantine.rejected_by_rules as rejected
            where rejected.batch_id = readings.batch_id and rejected.line = readings.line
        )
        -- A higher revision stands in its place, even a disputed one, unless a fault of its own puts it out.
        and not exists (
            select 1
            from raw.readings as higher
            inner join ops.batches as others on higher.batch_id = others.batch_id and others.status = 'accepted'
            where
                higher.site_code = readings.site_code
                and higher.meter_code = readings.meter_code
                and higher.read_at = readings.read_at
                and higher.revision > readings.revision
                and not exists (
                    select 1 from quarantine.rejected_by_rules as rejected
                    where
                        rejected.batch_id = higher.batch_id
                        and rejected.line = higher.line
                        and rejected.reason_code in ('unknown_meter', 'bad_quality', 'future_stamp')
                )
        )
    order by readings.read_at desc
    limit 1
) as before on true
left join lateral (
    select readings.read_at
    from raw.readings as readings
    inner join ops.batches as batches on readings.batch_id = batches.batch_id and batches.status = 'accepted'
    where
        readings.site_code = meters.site_code
        and readings.meter_code = meters.meter_code
        and readings.read_at >= %(ends_at)s::timestamptz
        and not exists (
            select 1 from quarantine.rejected_by_rules as rejected
            where rejected.batch_id = readings.batch_id and rejected.line = readings.line
        )
        -- A higher revision stands in its place, even a disputed one, unless a fault of its own puts it out.
        and not exists (
            select 1
            from raw.readings as higher
            inner join ops.batches as others on higher.batch_id = others.batch_id and others.status = 'accepted'
            where
                higher.site_code = readings.site_code
                and higher.meter_code = readings.meter_code
                and higher.read_at = readings.read_at
                and higher.revision > readings.revision
                and not exists (
                    select 1 from quarantine.rejected_by_rules as rejected
                    where
                        rejected.batch_id = higher.batch_id
                        and rejected.line = higher.line
                        and rejected.reason_code in ('unknown_meter', 'bad_quality', 'future_stamp')
                )
        )
    order by readings.read_at
    limit 1
) as following on true
where meters.site_code = %(site_code)s::text and meters.meter_code = any(%(meter_codes)s::text[])
order by meters.meter_code
