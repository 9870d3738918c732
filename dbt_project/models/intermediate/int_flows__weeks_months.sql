{{ config(
    materialized='fact',
    tags='flows',
    indexes=[{'columns': ['site_code', 'flow_code', 'period_type', 'first_date'], 'unique': true}],
    pre_hook="{{ delete_longer_periods(['week', 'month']) }}",
) }}
-- One row per flow and week or month: the sums of its days.
{%- set days %}
(
    select days.*, {{ hours_between('days.stat_date', 'days.stat_date + 1') }} as day_hours
    from {{ ref('fct_energy_daily') }} as days
    inner join {{ ref('int_sites__clocks') }} as clocks on days.site_code = clocks.site_code
)
{%- endset %}
{{ longer_periods(['week', 'month'], days, 'stat_date', 'day_hours') }}
