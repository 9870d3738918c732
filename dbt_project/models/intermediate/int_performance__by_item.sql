{{ config(
    materialized='fact',
    tags='performance',
    indexes=[{'columns': ['site_code', 'period_type', 'period_start', 'energy_code']}],
    pre_hook="{{ delete_performance(['item']) }}",
    settings={'enable_memoize': 'off'},
) }}
-- One row per period, energy and item.
-- The flows' figures are each asked for once: to remember them took a sixth of the time.
{{ performance_by(['item'], 'item_flow_count') }}
