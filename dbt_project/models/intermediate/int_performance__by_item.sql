{{ config(
    materialized='fact',
    tags='energies',
    indexes=[{'columns': ['site_code', 'period_type', 'period_start', 'energy_code']}],
    pre_hook="{{ delete_performance() }}",
) }}
-- One row per period, energy and item.
{{ performance_by(['item'], 'item_flow_count') }}
