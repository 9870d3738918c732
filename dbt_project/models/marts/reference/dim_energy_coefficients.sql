select
    coefficients.site_code,
    coefficients.energy_code,
    coefficients.source_equivalent,
    coefficients.source_equal,
    coefficients.reason,
    coefficients.kgce_per_unit,
    coefficients.kgce_per_unit_equal,
    coefficients.valid_from,
    coefficients.valid_to
from {{ ref('int_energies__coefficients') }} as coefficients
