select
    site_code,
    standard,
    category,
    level,
    required_rate_pct,
    accuracy_class,
    clause,
    valid_from,
    valid_to,
    retired_on
from {{ source('ledger', 'metering_requirements') }}
