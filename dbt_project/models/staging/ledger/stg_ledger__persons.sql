select
    site_code,
    person_code,
    name,
    department,
    org_code,
    certificate,
    certificate_no,
    certificate_valid_to,
    email,
    retired_on
from {{ source('ledger', 'persons') }}
