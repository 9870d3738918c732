-- One row per node, energy and day on which both sides are metered in full: what came in and what went on.
-- Purchase, storage and distribution only pass energy on, so that the two should meet.
with flows as (
    select
        flows.site_code,
        flows.flow_code,
        flows.energy_code,
        sides.node_code,
        sides.direction
    from {{ ref('stg_ledger__flows') }} as flows
    cross join lateral (
        values (flows.to_node, 'input'), (flows.from_node, 'output')
    ) as sides (node_code, direction)
    inner join {{ ref('stg_ledger__nodes') }} as nodes
        on
            flows.site_code = nodes.site_code
            and sides.node_code = nodes.node_code
            and nodes.stage in ('purchase_storage', 'distribution')
),

expected as (
    select
        site_code,
        node_code,
        energy_code,
        count(*) as flow_count
    from flows
    group by site_code, node_code, energy_code
    having count(distinct direction) = 2
),

sums as (
    select
        flows.site_code,
        flows.node_code,
        flows.energy_code,
        days.stat_date,
        sum(days.quantity) filter (where flows.direction = 'input') as input_quantity,
        sum(days.quantity) filter (where flows.direction = 'output') as output_quantity,
        count(*) filter (where days.coverage = 1) as complete_count
    from flows
    inner join {{ ref('fct_energy_daily') }} as days
        on flows.site_code = days.site_code and flows.flow_code = days.flow_code
    group by flows.site_code, flows.node_code, flows.energy_code, days.stat_date
)

select
    sums.site_code,
    sums.node_code,
    sums.energy_code,
    sums.input_quantity,
    sums.output_quantity,
    sums.input_quantity - sums.output_quantity as unaccounted_quantity,
    round((sums.input_quantity - sums.output_quantity) / nullif(sums.input_quantity, 0), 6)
    as unaccounted_ratio,
    sums.stat_date
from sums
inner join expected
    on
        sums.site_code = expected.site_code
        and sums.node_code = expected.node_code
        and sums.energy_code = expected.energy_code
where sums.complete_count = expected.flow_count
