select
    readings.site_code,
    readings.meter_code,
    readings.quality,
    readings.value,
    readings.revision,
    readings.batch_id,
    readings.line,
    readings.read_at,
    {{ microseconds('readings.read_at') }} as read_us,
    batches.received_at
from {{ source('raw', 'readings') }} as readings
inner join {{ source('ops', 'batches') }} as batches on readings.batch_id = batches.batch_id
-- A held batch waits for a person and counts for nothing until then.
where batches.status = 'accepted'
