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
    totals.tce_equivalent_reason,
    totals.tce_equal_reason,
    totals.missing_energies,
    totals.tce_equivalent,
    totals.tce_equal,
    totals.known_tce_equivalent,
    totals.known_tce_equal
from closings
inner join {{ ref('comprehensive_energy') }} as totals
    on
        closings.site_code = totals.site_code
        and closings.period_start = totals.period_start
        and totals.period_type = 'month'
