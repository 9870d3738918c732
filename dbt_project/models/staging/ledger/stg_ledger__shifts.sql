select
    site_code,
    shift_code,
    start_time,
    end_time,
    valid_from,
    valid_to
from {{ source('ledger', 'shifts') }}
