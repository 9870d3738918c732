-- One row per site, energy and level at which energy flows: how many points have to be measured, and which meters
-- measure them (docs/decisions/0013). A flow without an expression is a point without a meter, and so is one that is
-- only a difference of others. Several flows through one meter are one point; shares of one meter (other
-- coefficients) are points of their own.
with flows as (
    select
        flows.site_code,
        flows.flow_code,
        flows.energy_code,
        flows.level,
        count(terms.meter_code) as term_count,
        count(*) filter (where terms.coefficient < 0) as negative_count
    from {{ ref('stg_ledger__flows') }} as flows
    left join {{ ref('stg_ledger__flow_terms') }} as terms
        on flows.site_code = terms.site_code and flows.flow_code = terms.flow_code
    inner join {{ ref('int_sites__today') }} as clocks on flows.site_code = clocks.site_code
    where flows.item not in ('stock', 'loss') and {{ in_use_today('flows') }}
    group by flows.site_code, flows.flow_code, flows.energy_code, flows.level
),

measured as (
    select
        flows.site_code,
        flows.energy_code,
        flows.level,
        count(distinct terms.meter_code || ' ' || trim_scale(terms.coefficient)) as point_count,
        array_agg(distinct terms.meter_code order by terms.meter_code)
        filter (where coalesce({{ status_today() }} <> 'stopped', true)) as meter_codes
    from flows
    inner join {{ ref('stg_ledger__flow_terms') }} as terms
        on flows.site_code = terms.site_code and flows.flow_code = terms.flow_code
    inner join {{ ref('stg_ledger__meters') }} as meters
        on terms.site_code = meters.site_code and terms.meter_code = meters.meter_code
    inner join {{ ref('int_sites__today') }} as clocks on flows.site_code = clocks.site_code
    where flows.negative_count = 0
    group by flows.site_code, flows.energy_code, flows.level
),

unmeasured as (
    select
        site_code,
        energy_code,
        level,
        count(*) filter (where term_count = 0 or negative_count > 0) as point_count,
        array_agg(flow_code order by flow_code) filter (where term_count = 0) as flow_codes,
        array_agg(flow_code order by flow_code) filter (where negative_count > 0) as difference_flow_codes
    from flows
    group by site_code, energy_code, level
)

select
    unmeasured.site_code,
    unmeasured.energy_code,
    unmeasured.level,
    (coalesce(measured.point_count, 0) + unmeasured.point_count)::integer as needed_count,
    coalesce(measured.meter_codes, '{}') as meter_codes,
    coalesce(unmeasured.flow_codes, '{}') as unmeasured_flows,
    coalesce(unmeasured.difference_flow_codes, '{}') as difference_flows
from unmeasured
left join measured
    on
        unmeasured.site_code = measured.site_code
        and unmeasured.energy_code = measured.energy_code
        and unmeasured.level = measured.level
