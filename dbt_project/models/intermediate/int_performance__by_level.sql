{{ config(
    materialized='fact',
    tags='performance',
    indexes=[{'columns': ['site_code', 'period_type', 'energy_code', 'level', 'period_start', 'org_code']}],
    pre_hook="{{ delete_performance(['level', 'org_code', 'equipment_code']) }}",
    settings={'enable_memoize': 'off'},
) }}
-- One row per period, energy, level, organisation and equipment. Charts are of one energy and level: a year of its hours by
-- organisation comes in the index's own order (0.28 s; 0.88 s where all levels of the hours were read and sorted).
-- The flows' figures are each asked for once: to remember them took a sixth of the time.
{{ performance_by(['level', 'org_code', 'equipment_code'], 'level_flow_count') }}
