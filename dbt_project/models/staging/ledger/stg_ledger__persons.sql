select
    site_code,
    person_code,
    name,
    department,
    certificate,
    certificate_no,
    certificate_valid_to,
    email
from {{ source('ledger', 'persons') }}
where retired_on is null
