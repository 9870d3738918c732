{{ config(indexes=[{'columns': ['site_code', 'period_type', 'period_start', 'item']}]) }}
{{ grouped_flows(['item']) }}

select
    grouped.site_code,
    grouped.period_type,
    grouped.energy_code,
    grouped.item,
    grouped.shift_code,
    energies.name as energy_name,
    energies.unit,
    {{ item_name('grouped.item') }} as item_name,
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
