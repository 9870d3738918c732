-- Readings of meters counted by batch and verdict.
-- site_code; meter_codes, bounds_from, bounds_to: meters and the instants between which their readings are looked at;
-- least_from, greatest_to: the least and the greatest of those, so that whole months are left out
with {judged_readings}

select
    meter_code,
    batch_id,
    verdict,
    count(*) as reading_count,
    min(read_at) as first_read_at,
    max(read_at) as last_read_at
from judged
group by meter_code, batch_id, verdict
order by meter_code, batch_id, verdict
