select
    figures.site_code,
    figures.period_type,
    figures.energy_code,
    figures.level,
    figures.org_code,
    figures.equipment_code,
    figures.shift_code,
    energies.name as energy_name,
    energies.unit,
    case figures.level
        when 1 then '进出用能单位' when 2 then '进出主要次级用能单位' when 3 then '主要用能设备'
    end as level_name,
    org_units.name as org_name,
    equipment.name as equipment_name,
    figures.quantity_reason,
    figures.tce_equivalent_reason,
    figures.tce_equal_reason,
    figures.quantity,
    figures.tce_equivalent,
    figures.tce_equal,
    figures.coverage,
    figures.estimated_quantity,
    figures.period_start,
    figures.period_start_at
from {{ ref('int_performance__by_level') }} as figures
left join {{ ref('int_sites__energies') }} as energies
    on figures.site_code = energies.site_code and figures.energy_code = energies.energy_code
left join {{ ref('stg_ledger__org_units') }} as org_units
    on figures.site_code = org_units.site_code and figures.org_code = org_units.org_code
left join {{ ref('stg_ledger__equipment') }} as equipment
    on figures.site_code = equipment.site_code and figures.equipment_code = equipment.equipment_code
