{{ config(materialized='view') }}
{%- set figures %}
    quantity_reason,
    tce_equivalent_reason,
    tce_equal_reason,
    quantity,
    tce_equivalent,
    tce_equal,
    coverage,
    estimated_quantity
{%- endset %}
-- One row per flow and period of every type; period_start is the site's own clock, without a zone.
select
    site_code,
    flow_code,
    energy_code,
    'hour' as period_type,
    hour_start_local as period_start,
    hour_start as period_start_at,
    null::text as shift_code,
    {{ figures }}
from {{ ref('fct_energy_hourly') }}
union all
select
    site_code,
    flow_code,
    energy_code,
    'shift' as period_type,
    starts_local as period_start,
    starts_at as period_start_at,
    shift_code,
    {{ figures }}
from {{ ref('int_flows__shifts') }}
union all
select
    days.site_code,
    days.flow_code,
    days.energy_code,
    'day' as period_type,
    days.stat_date::timestamp as period_start,
    calendar.starts_at as period_start_at,
    null::text as shift_code,
    {{ figures }}
from {{ ref('fct_energy_daily') }} as days
inner join (
    select site_code, stat_date, starts_at
    from {{ ref('int_sites__calendar') }}
    where period_type = 'day'
) as calendar on days.site_code = calendar.site_code and days.stat_date = calendar.stat_date
union all
select
    site_code,
    flow_code,
    energy_code,
    period_type,
    first_date::timestamp as period_start,
    starts_at as period_start_at,
    null::text as shift_code,
    {{ figures }}
from {{ ref('int_flows__calendar_periods') }}
