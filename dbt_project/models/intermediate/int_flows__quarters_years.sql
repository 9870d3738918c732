{{ config(
    materialized='fact',
    tags='flows',
    indexes=[{'columns': ['site_code', 'flow_code', 'period_type', 'first_date'], 'unique': true}],
    pre_hook="{{ delete_longer_periods(['quarter', 'year']) }}",
    post_hook=["{{ mark_energies_of_windows() }}", "{{ note_unjudged_flows() }}", "{{ forget_taken_flows() }}"],
) }}
-- depends_on: {{ ref('int_flows__shifts') }}
-- One row per flow and quarter or year: the sums of its months, so that a year costs twelve rows and not 365.
-- The last of what follows from a flow: with it the energies are marked, and the flows' own marks go.
{%- set months %}
(
    select site_code, flow_code, energy_code, quantity_reason, tce_equivalent_reason, tce_equal_reason,
        missing_meters, quantity, tce_equivalent, tce_equal, coverage, estimated_quantity,
        period_hours as month_hours, first_date as month_first_date
    from {{ ref('int_flows__weeks_months') }}
    where period_type = 'month'
)
{%- endset %}
{{ longer_periods(['quarter', 'year'], months, 'month_first_date', 'month_hours') }}
