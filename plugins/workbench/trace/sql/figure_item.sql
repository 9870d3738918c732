-- A figure by item (4.2.4).
-- site_code, energy_code, item; period_type, period_start, starts_at, shift_code: the period
select
    energy_code,
    energy_name,
    unit,
    item,
    item_name,
    quantity,
    tce_equivalent,
    tce_equal,
    coverage,
    estimated_quantity,
    quantity_reason,
    tce_equivalent_reason,
    tce_equal_reason
from marts.performance_by_item
where
    site_code = %(site_code)s::text
    and energy_code = %(energy_code)s::text
    and item = %(item)s::text
    and period_type = %(period_type)s::text
    and period_start = %(period_start)s::timestamp
    and period_start_at = %(starts_at)s::timestamptz
    and shift_code is not distinct from %(shift_code)s::text
