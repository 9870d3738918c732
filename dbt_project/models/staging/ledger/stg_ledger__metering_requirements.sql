select
    site_code,
    standard,
    category,
    level,
    required_rate_pct,
    accuracy_class,
    clause,
    valid_from,
    valid_to
from {{ source('ledger', 'metering_requirements') }}
where retired_on is null
