{{ config(indexes=[{'columns': ['site_code', 'period_type', 'period_start', 'energy_code']}]) }}
select
    intake.site_code,
    intake.period_type,
    intake.energy_code,
    intake.shift_code,
    energies.name as energy_name,
    energies.unit,
    energies.class as energy_class,
    intake.source,
    intake.quantity_reason,
    intake.tce_equivalent_reason,
    intake.tce_equal_reason,
    intake.stock_reason,
    intake.quantity,
    intake.tce_equivalent,
    intake.tce_equal,
    intake.coverage,
    intake.estimated_quantity,
    intake.purchase_quantity,
    intake.export_quantity,
    intake.stock_draw_quantity,
    intake.stock_adjustment_quantity,
    intake.consumption_quantity,
    intake.consumption_tce_equivalent,
    intake.consumption_tce_equal,
    intake.period_start,
    intake.period_start_at
from {{ ref('int_energies__intake') }} as intake
left join {{ ref('int_sites__energies') }} as energies
    on intake.site_code = energies.site_code and intake.energy_code = energies.energy_code
