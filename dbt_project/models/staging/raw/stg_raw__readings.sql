-- Readings of accepted batches: a landed one waits for the gate, a held one for a person, and both count for
-- nothing until then. Most batches are accepted and lie in the past when they arrive; only the others
-- (few, and indexed) are looked at, so that the cost follows the readings and not the number of batches.
select
    readings.site_code,
    readings.meter_code,
    readings.quality,
    readings.value,
    readings.revision,
    coalesce(readings.read_at > odd.received_at + interval '5 minutes', false) as is_future,
    readings.batch_id,
    readings.line,
    readings.read_at,
    readings.read_us
from {{ ref('stg_raw__landed_readings') }} as readings
left join {{ ref('stg_ops__odd_batches') }} as odd
    on readings.site_code = odd.site_code and readings.batch_id = odd.batch_id
where odd.batch_id is null or odd.status = 'accepted'
