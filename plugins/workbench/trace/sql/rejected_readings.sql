-- Readings of meters that the rules refused, with the reason, for ranges too long to list every reading.
-- site_code; meter_codes, bounds_from, bounds_to: meters and the instants between which their readings are looked at
select
    rejected.meter_code,
    rejected.read_at,
    rejected.value,
    rejected.revision,
    rejected.reason_code as verdict,
    rejected.reason,
    rejected.batch_id,
    batches.file,
    rejected.line
from quarantine.rejected_by_rules as rejected
inner join unnest(
    %(meter_codes)s::text[], %(bounds_from)s::timestamptz[], %(bounds_to)s::timestamptz[]
) as bounds (meter_code, from_at, to_at)
    on
        rejected.meter_code = bounds.meter_code
        and rejected.read_at >= bounds.from_at
        and rejected.read_at <= bounds.to_at
inner join ops.batches as batches on rejected.batch_id = batches.batch_id
where rejected.site_code = %(site_code)s::text
order by rejected.read_at, rejected.meter_code, rejected.batch_id, rejected.line
