select
    site_code,
    energy_code,
    is_taken,
    starts_on,
    ends_on
from {{ source('ops', 'dirty_energies') }}
