-- A figure by level (4.2.3), whole or of one organisational unit or equipment: the sum of its rows.
-- Standard coal of the whole is null when a row with a quantity has none, since the rest would pass for the whole.
-- site_code, energy_code, level; has_org, org_code, has_equipment, equipment_code: which rows;
-- period_type, period_start, starts_at, shift_code: the period
select
    energy_code,
    max(energy_name) as energy_name,
    max(unit) as unit,
    count(*) as row_count,
    sum(quantity) as quantity,
    case when count(*) filter (where quantity <> 0 and tce_equivalent is null) = 0 then sum(tce_equivalent) end
    as tce_equivalent,
    case when count(*) filter (where quantity <> 0 and tce_equal is null) = 0 then sum(tce_equal) end as tce_equal,
    case when count(*) = 1 then max(coverage) end as coverage,
    sum(estimated_quantity) as estimated_quantity,
    max(quantity_reason) as quantity_reason,
    max(tce_equivalent_reason) as tce_equivalent_reason,
    max(tce_equal_reason) as tce_equal_reason
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
group by energy_code
