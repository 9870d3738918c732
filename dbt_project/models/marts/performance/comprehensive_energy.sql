{{ config(
    materialized='fact',
    tags='totals',
    indexes=[{'columns': ['site_code', 'period_type', 'period_start'], 'unique': true}],
    pre_hook="delete from {{ this }}",
    post_hook="{{ forget_taken_energies() }}",
) }}
-- depends_on: {{ ref('int_performance__by_level') }}
-- depends_on: {{ ref('int_performance__by_item') }}
-- The last of what follows from an energy: with it the energies' marks go.
with counted as (
    select * from {{ ref('comprehensive_energy_composition') }}
    where is_counted
),

totals as (
    select
        site_code,
        period_type,
        period_start,
        {% for basis in ('equivalent', 'equal') -%}
            sum(tce_{{ basis }}) as known_tce_{{ basis }},
            count(*) filter (where tce_{{ basis }} is null) as missing_{{ basis }}_count,
            string_agg(
                distinct energy_name || component_name || '：' || tce_{{ basis }}_reason, '；'
                order by energy_name || component_name || '：' || tce_{{ basis }}_reason
            ) filter (where tce_{{ basis }} is null) as tce_{{ basis }}_reason,
        {% endfor -%}
        coalesce(
            array_agg(distinct energy_code order by energy_code) filter (where tce_equivalent is null),
            '{}'::text[]
        ) as missing_energies
    from counted
    group by site_code, period_type, period_start
)

select
    site_code,
    period_type,
    tce_equivalent_reason,
    tce_equal_reason,
    missing_energies,
    case when missing_equivalent_count = 0 then known_tce_equivalent end as tce_equivalent,
    case when missing_equal_count = 0 then known_tce_equal end as tce_equal,
    known_tce_equivalent,
    known_tce_equal,
    period_start
from totals
