select
    site_code,
    person_code,
    trained_on,
    content,
    trainer,
    result,
    certificate_no,
    valid_to
from {{ source('ledger', 'trainings') }}
where retired_on is null
