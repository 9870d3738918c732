{{ config(
    materialized='fact',
    tags='energies',
    indexes=[{'columns': ['site_code', 'flow_code', 'period_type']}],
    pre_hook="delete from {{ this }}",
    post_hook="analyze {{ this }}",
) }}
-- One row per flow, period type and stretch of periods whose performance this build computes anew, with what the
-- flow is summed into and how many flows are summed there. A table of its own, so that the facts are joined with
-- one small relation by their own key, however the planner estimates.
select
    windows.site_code,
    definitions.flow_code,
    windows.energy_code,
    definitions.level,
    definitions.item,
    definitions.org_code,
    definitions.equipment_code,
    definitions.level_flow_count,
    definitions.item_flow_count,
    windows.timezone,
    windows.day_start,
    windows.period_type,
    windows.starts_local,
    windows.ends_local,
    windows.starts_at,
    windows.ends_at
from {{ ref('int_energies__windows') }} as windows
inner join (
    select
        *,
        count(*) over (
            partition by site_code, energy_code, level, org_code, equipment_code
        )::integer as level_flow_count,
        count(*) over (partition by site_code, energy_code, item)::integer as item_flow_count
    from {{ ref('int_flows__definitions') }}
) as definitions on windows.site_code = definitions.site_code and windows.energy_code = definitions.energy_code
