-- One row per site, stocked energy and month, quarter or year: what was drawn from stock in it. Stock is
-- known at an instant by the opening of the day that begins there or the closing of the day before.
with documents as (
    select * from {{ ref('int_erp__documents') }}
),

-- The same instant may be stated twice, and differently: a period goes by its own documents first.
levels as (
    select site_code, energy_code, date as boundary_date, quantity, 'opening' as kind
    from documents
    where kind = 'opening'
    union all
    select site_code, energy_code, date + 1 as boundary_date, quantity, 'closing' as kind
    from documents
    where kind = 'closing'
),

opening_levels as (
    select distinct on (site_code, energy_code, boundary_date) *
    from levels
    order by site_code asc, energy_code asc, boundary_date asc, kind desc
),

closing_levels as (
    select distinct on (site_code, energy_code, boundary_date) *
    from levels
    order by site_code, energy_code, boundary_date, kind
),

energies as (
    select distinct site_code, energy_code from levels
),

periods as (
    select distinct site_code, period_type, first_date, after_date, starts_at
    from {{ ref('int_sites__calendar') }}
    where period_type in ('month', 'quarter', 'year')
),

adjustments as (
    select
        documents.site_code,
        documents.energy_code,
        calendar.period_type,
        calendar.first_date,
        sum(documents.quantity) as quantity
    from documents
    inner join {{ ref('int_sites__calendar') }} as calendar
        on documents.site_code = calendar.site_code and documents.date = calendar.stat_date
    where documents.kind = 'adjustment'
    group by documents.site_code, documents.energy_code, calendar.period_type, calendar.first_date
)

select
    energies.site_code,
    energies.energy_code,
    periods.period_type,
    periods.first_date,
    periods.after_date,
    periods.starts_at,
    case
        when opening.quantity is null and closing.quantity is null
            then '缺期初库存（' || periods.first_date || '）和期末库存（' || periods.after_date - 1 || '）'
        when opening.quantity is null then '缺期初库存（' || periods.first_date || '）'
        when closing.quantity is null then '缺期末库存（' || periods.after_date - 1 || '）'
    end as stock_reason,
    opening.quantity as opening_quantity,
    closing.quantity as closing_quantity,
    opening.quantity - closing.quantity as stock_draw_quantity,
    coalesce(adjustments.quantity, 0) as stock_adjustment_quantity
from energies
inner join periods on energies.site_code = periods.site_code
left join opening_levels as opening
    on
        energies.site_code = opening.site_code
        and energies.energy_code = opening.energy_code
        and periods.first_date = opening.boundary_date
left join closing_levels as closing
    on
        energies.site_code = closing.site_code
        and energies.energy_code = closing.energy_code
        and periods.after_date = closing.boundary_date
left join adjustments
    on
        energies.site_code = adjustments.site_code
        and energies.energy_code = adjustments.energy_code
        and periods.period_type = adjustments.period_type
        and periods.first_date = adjustments.first_date
