-- One row per flow with at least one meter: what its figures are computed from and summed into.
select
    flows.site_code,
    flows.flow_code,
    flows.energy_code,
    flows.level,
    flows.item,
    flows.org_code,
    flows.equipment_code,
    terms.terms,
    terms.meter_codes,
    terms.term_count,
    terms.negative_count
from {{ ref('stg_ledger__flows') }} as flows
inner join (
    select
        site_code,
        flow_code,
        string_agg(meter_code || ' ' || trim_scale(coefficient), ',' order by meter_code) as terms,
        array_agg(meter_code order by meter_code) as meter_codes,
        count(*)::integer as term_count,
        count(*) filter (where coefficient < 0)::integer as negative_count
    from {{ ref('stg_ledger__flow_terms') }}
    group by site_code, flow_code
) as terms on flows.site_code = terms.site_code and flows.flow_code = terms.flow_code
