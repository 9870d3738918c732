select
    site_code,
    person_code,
    trained_on,
    content,
    trainer,
    result,
    certificate_no,
    valid_to,
    retired_on
from {{ source('ledger', 'trainings') }}
