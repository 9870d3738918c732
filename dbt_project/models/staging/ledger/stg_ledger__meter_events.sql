select
    site_code,
    meter_code,
    event_at,
    {{ microseconds('event_at') }} as event_us,
    kind,
    old_last_reading,
    new_first_reading,
    new_multiplier,
    new_register_max
from {{ source('ledger', 'meter_events') }}
where retired_on is null  -- the others were mistakes
