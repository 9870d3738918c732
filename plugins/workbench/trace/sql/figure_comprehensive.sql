-- Comprehensive energy consumption (GB/T 2589) of a month, quarter or year.
-- site_code, period_type, period_start
select
    'tce' as unit,
    null::numeric as quantity,
    tce_equivalent,
    tce_equal,
    known_tce_equivalent,
    known_tce_equal,
    missing_energies,
    tce_equivalent_reason,
    tce_equal_reason
from marts.comprehensive_energy
where
    site_code = %(site_code)s::text
    and period_type = %(period_type)s::text
    and period_start = %(period_start)s::timestamp
