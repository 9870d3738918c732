{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    full_refresh=false,
    persist_docs={'relation': false, 'columns': false},
) }}
-- Written once per closing and never again (closing_in_course). The table, its guard and its comments are the
-- migration's, and the owner's: transform may only add rows.
with closings as (
    {{ closing_in_course() }}
)

select
    closings.site_code,
    closings.stat_month,
    closings.version,
    closings.closing_id,
    parts.energy_code,
    parts.component,
    parts.energy_name,
    parts.unit,
    parts.energy_class,
    parts.component_name,
    parts.counting_rule,
    parts.tce_equivalent_reason,
    parts.tce_equal_reason,
    parts.quantity,
    parts.tce_equivalent,
    parts.tce_equal,
    parts.is_counted
from closings
inner join {{ ref('comprehensive_energy_composition') }} as parts
    on
        closings.site_code = parts.site_code
        and closings.period_start = parts.period_start
        and parts.period_type = 'month'
