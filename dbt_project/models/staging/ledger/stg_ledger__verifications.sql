select
    site_code,
    meter_code,
    verified_on,
    kind,
    organisation,
    certificate_no,
    result,
    valid_to
from {{ source('ledger', 'verifications') }}
where retired_on is null
