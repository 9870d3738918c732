-- What a figure by type is made of: net intake = purchase - export; consumption also takes what the stock gave.
-- site_code, energy_code, period_type, period_start, starts_at, shift_code
select
    figures.energy_code,
    parts.component,
    parts.component_name,
    parts.sign,
    parts.quantity,
    figures.unit,
    case when parts.quantity is null then coalesce(parts.reason, figures.quantity_reason) end as reason,
    parts.component in ('purchase', 'export') as is_counted
from marts.performance_by_type as figures
cross join lateral (
    values
    (1, 'purchase', '购入', 1, figures.purchase_quantity, figures.quantity_reason),
    (2, 'export', '外供', -1, figures.export_quantity, figures.quantity_reason),
    (3, 'stock_draw', '库存减少', 1, figures.stock_draw_quantity, figures.stock_reason),
    (4, 'stock_adjustment', '盘盈盘亏', 1, figures.stock_adjustment_quantity, figures.stock_reason)
) as parts (part_order, component, component_name, sign, quantity, reason)
where
    figures.site_code = %(site_code)s::text
    and figures.energy_code = %(energy_code)s::text
    and figures.period_type = %(period_type)s::text
    and figures.period_start = %(period_start)s::timestamp
    and figures.period_start_at = %(starts_at)s::timestamptz
    and figures.shift_code is not distinct from %(shift_code)s::text
    and (parts.component in ('purchase', 'export') or figures.stock_reason is not null or parts.quantity is not null)
order by parts.part_order
