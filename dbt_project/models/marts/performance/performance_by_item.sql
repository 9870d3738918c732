select
    figures.site_code,
    figures.period_type,
    figures.energy_code,
    figures.item,
    figures.shift_code,
    energies.name as energy_name,
    energies.unit,
    {{ item_name('figures.item') }} as item_name,
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
from {{ ref('int_performance__by_item') }} as figures
left join {{ ref('int_sites__energies') }} as energies
    on figures.site_code = energies.site_code and figures.energy_code = energies.energy_code
