-- What comprehensive consumption is made of: each energy over the boundary, and what is shown and not counted.
-- site_code, period_type, period_start
select
    energy_code,
    energy_name,
    component,
    coalesce(energy_name, energy_code) || ' ' || component_name as component_name,
    1 as sign,
    quantity,
    unit,
    tce_equivalent,
    tce_equal,
    coalesce(tce_equivalent_reason, tce_equal_reason) as reason,
    counting_rule,
    is_counted
from marts.comprehensive_energy_composition
where
    site_code = %(site_code)s::text
    and period_type = %(period_type)s::text
    and period_start = %(period_start)s::timestamp
order by is_counted desc, abs(tce_equivalent) desc nulls last, energy_code, component
