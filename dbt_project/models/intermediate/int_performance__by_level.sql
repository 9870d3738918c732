{{ config(
    materialized='fact',
    tags='energies',
    indexes=[{'columns': ['site_code', 'period_type', 'period_start', 'energy_code']}],
    pre_hook="{{ delete_performance() }}",
    settings={'enable_memoize': 'off'},
) }}
-- The flows' figures are each asked for once: to remember them took a third of the time.
-- One row per period, energy, level, organisation and equipment.
{{ performance_by(['level', 'org_code', 'equipment_code'], 'level_flow_count') }}
