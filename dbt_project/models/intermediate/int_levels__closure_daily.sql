-- One row per energy and day: what the plant took in, what its main units took in, and what its main
-- equipment took in. A finer level above a coarser one means a wrong multiplier, unit or expression.
with flows as (
    select
        flows.site_code,
        flows.flow_code,
        flows.energy_code,
        flows.level
    from {{ ref('stg_ledger__flows') }} as flows
    where
        (flows.level = 1 and flows.item = 'purchase')
        or (flows.level in (2, 3) and flows.item in ('distribution', 'production', 'living', 'self_use', 'conversion_in'))
)

select
    flows.site_code,
    flows.energy_code,
    sum(days.quantity) filter (where flows.level = 1) as level_1_quantity,
    sum(days.quantity) filter (where flows.level = 2) as level_2_quantity,
    sum(days.quantity) filter (where flows.level = 3) as level_3_quantity,
    min(days.coverage) as least_coverage,
    days.stat_date
from flows
inner join {{ ref('fct_energy_daily') }} as days
    on flows.site_code = days.site_code and flows.flow_code = days.flow_code
group by flows.site_code, flows.energy_code, days.stat_date
