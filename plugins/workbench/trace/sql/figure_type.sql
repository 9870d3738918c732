-- A figure by type (4.2.2): what the plant took in of one energy, and what it consumed.
-- site_code, energy_code; period_type, period_start, starts_at, shift_code: the period as the marts name it
select
    energy_code,
    energy_name,
    unit,
    source,
    quantity,
    tce_equivalent,
    tce_equal,
    coverage,
    estimated_quantity,
    purchase_quantity,
    export_quantity,
    stock_draw_quantity,
    stock_adjustment_quantity,
    consumption_quantity,
    consumption_tce_equivalent,
    consumption_tce_equal,
    quantity_reason,
    tce_equivalent_reason,
    tce_equal_reason,
    stock_reason
from marts.performance_by_type
where
    site_code = %(site_code)s::text
    and energy_code = %(energy_code)s::text
    and period_type = %(period_type)s::text
    and period_start = %(period_start)s::timestamp
    and period_start_at = %(starts_at)s::timestamptz
    and shift_code is not distinct from %(shift_code)s::text
