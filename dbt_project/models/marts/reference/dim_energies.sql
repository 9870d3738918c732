select
    site_code,
    energy_code,
    name,
    unit,
    class,
    statistic_code,
    is_own
from {{ ref('int_sites__energies') }}
