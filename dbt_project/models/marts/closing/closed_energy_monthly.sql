{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    full_refresh=false,
    persist_docs={'relation': false, 'columns': false},
) }}
-- Written once per closing and never again (closing_in_course). The table, its guard and its comments are the
-- migration's, and the owner's: transform may only add rows.
-- Every measured flow has a row, also one of which nothing was known: a gap is told, not left out.
with closings as (
    {{ closing_in_course() }}
),

terms as (
    select
        site_code,
        flow_code,
        array_agg(meter_code order by meter_code) as meters
    from {{ ref('stg_ledger__flow_terms') }}
    group by site_code, flow_code
)

select
    closings.site_code,
    closings.stat_month,
    closings.version,
    closings.closing_id,
    flows.flow_code,
    flows.energy_code,
    energies.name as energy_name,
    energies.unit,
    flows.measured_by,
    case when figures.flow_code is null then '本月没有任何读数' else figures.quantity_reason end as quantity_reason,
    case when figures.flow_code is null then '实物量不能计算' else figures.tce_equivalent_reason end
    as tce_equivalent_reason,
    case when figures.flow_code is null then '实物量不能计算' else figures.tce_equal_reason end as tce_equal_reason,
    terms.meters,
    coalesce(figures.missing_meters, terms.meters) as missing_meters,
    coalesce(coefficients.coefficients, '[]'::jsonb) as coefficients,
    figures.quantity,
    figures.tce_equivalent,
    figures.tce_equal,
    coalesce(figures.coverage, 0) as coverage,
    figures.estimated_quantity
from closings
inner join {{ ref('stg_ledger__flows') }} as flows on closings.site_code = flows.site_code
inner join terms on flows.site_code = terms.site_code and flows.flow_code = terms.flow_code
left join {{ ref('fct_energy_monthly') }} as figures
    on
        flows.site_code = figures.site_code
        and flows.flow_code = figures.flow_code
        and closings.stat_month = figures.stat_month
left join {{ ref('dim_energies') }} as energies
    on flows.site_code = energies.site_code and flows.energy_code = energies.energy_code
left join {{ ref('int_closings__coefficients') }} as coefficients
    on
        closings.site_code = coefficients.site_code
        and closings.closing_id = coefficients.closing_id
        and flows.energy_code = coefficients.energy_code
