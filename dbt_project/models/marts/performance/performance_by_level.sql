{{ config(indexes=[{'columns': ['site_code', 'period_type', 'period_start', 'level']}]) }}
{{ grouped_flows(['level', 'org_code', 'equipment_code']) }}

select
    grouped.site_code,
    grouped.period_type,
    grouped.energy_code,
    grouped.level,
    grouped.org_code,
    grouped.equipment_code,
    grouped.shift_code,
    energies.name as energy_name,
    energies.unit,
    case grouped.level
        when 1 then '进出用能单位' when 2 then '进出主要次级用能单位' when 3 then '主要用能设备'
    end as level_name,
    org_units.name as org_name,
    equipment.name as equipment_name,
    grouped.quantity_reason,
    grouped.tce_equivalent_reason,
    grouped.tce_equal_reason,
    grouped.quantity,
    grouped.tce_equivalent,
    grouped.tce_equal,
    grouped.coverage,
    grouped.estimated_quantity,
    grouped.period_start,
    grouped.period_start_at
from grouped
left join {{ ref('int_sites__energies') }} as energies
    on grouped.site_code = energies.site_code and grouped.energy_code = energies.energy_code
left join {{ ref('stg_ledger__org_units') }} as org_units
    on grouped.site_code = org_units.site_code and grouped.org_code = org_units.org_code
left join {{ ref('stg_ledger__equipment') }} as equipment
    on grouped.site_code = equipment.site_code and grouped.equipment_code = equipment.equipment_code
