select
    site_code,
    meter_code,
    verified_on,
    kind,
    organisation,
    certificate_no,
    result,
    valid_to,
    retired_on
from {{ source('ledger', 'verifications') }}
