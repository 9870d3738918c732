-- The rows that a figure by level is the sum of, by organisational unit and equipment.
-- site_code, energy_code, level; has_org, org_code, has_equipment, equipment_code: which rows;
-- period_type, period_start, starts_at, shift_code: the period
select
    energy_code,
    org_code,
    equipment_code,
    concat_ws(' ', coalesce(org_name, org_code, '（无部门）'), coalesce(equipment_name, equipment_code))
    as component_name,
    1 as sign,
    quantity,
    unit,
    tce_equivalent,
    tce_equal,
    coverage,
    coalesce(quantity_reason, tce_equivalent_reason, tce_equal_reason) as reason,
    true as is_counted
from marts.performance_by_level
where
    site_code = %(site_code)s::text
    and energy_code = %(energy_code)s::text
    and level = %(level)s::smallint
    and (not %(has_org)s::boolean or org_code is not distinct from %(org_code)s::text)
    and (not %(has_equipment)s::boolean or equipment_code is not distinct from %(equipment_code)s::text)
    and period_type = %(period_type)s::text
    and period_start = %(period_start)s::timestamp
    and period_start_at = %(starts_at)s::timestamptz
    and shift_code is not distinct from %(shift_code)s::text
order by abs(quantity) desc nulls last, org_code, equipment_code
