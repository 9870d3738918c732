-- One row per piece of equipment, product and day reported for that day alone: what it put out. The nearest report
-- counts: of its own unit, of one above it, of the whole site. Those of other units say nothing of it, and those over
-- more than a day nothing of a day.
with reports as (
    select
        production.site_code,
        equipment.equipment_code,
        production.product_code,
        production.period_start as stat_date,
        case when equipment.org_code is null then 0 when production.org_code is null then 1000 else units.distance end
        as nearness,
        production.quantity
    from {{ ref('stg_raw__production') }} as production
    inner join {{ ref('stg_ledger__equipment_rules') }} as rules
        on
            production.site_code = rules.site_code
            and production.product_code = rules.product_code
            and production.period_start >= rules.valid_from
            and production.period_start < rules.valid_to
    inner join {{ ref('stg_ledger__equipment') }} as equipment
        on rules.site_code = equipment.site_code and rules.equipment_code = equipment.equipment_code
    left join {{ ref('int_org_units__ancestors') }} as units
        on
            equipment.site_code = units.site_code
            and equipment.org_code = units.org_code
            and production.org_code = units.ancestor_code
    where production.period_end = production.period_start + 1
),

nearest as (
    select
        site_code,
        equipment_code,
        product_code,
        stat_date,
        nearness,
        sum(quantity) as quantity
    from reports
    where nearness is not null
    group by site_code, equipment_code, product_code, stat_date, nearness
)

select distinct on (site_code, equipment_code, product_code, stat_date)
    site_code,
    equipment_code,
    product_code,
    stat_date,
    quantity
from nearest
order by site_code asc, equipment_code asc, product_code asc, stat_date asc, nearness asc
