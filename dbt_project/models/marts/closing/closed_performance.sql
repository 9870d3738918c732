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
),

figures as (
    select
        site_code,
        period_start,
        'type' as breakdown,
        energy_code,
        null::smallint as level,
        null::text as org_code,
        null::text as equipment_code,
        null::text as item,
        energy_name,
        unit,
        source,
        quantity_reason,
        tce_equivalent_reason,
        tce_equal_reason,
        stock_reason,
        quantity,
        tce_equivalent,
        tce_equal,
        coverage,
        estimated_quantity,
        purchase_quantity,
        export_quantity,
        stock_draw_quantity,
        stock_adjustment_quantity,
        consumption_quantity,
        consumption_tce_equivalent,
        consumption_tce_equal
    from {{ ref('performance_by_type') }}
    where period_type = 'month'
    {%- for breakdown, keys in {'level': ['level', 'org_code', 'equipment_code'], 'item': ['item']}.items() %}
    union all
    select
        site_code,
        period_start,
        '{{ breakdown }}' as breakdown,
        energy_code,
        {% for key in ('level', 'org_code', 'equipment_code', 'item') -%}
            {{ key if key in keys else 'null as ' ~ key }},
        {% endfor -%}
        energy_name,
        unit,
        null as source,
        quantity_reason,
        tce_equivalent_reason,
        tce_equal_reason,
        null as stock_reason,
        quantity,
        tce_equivalent,
        tce_equal,
        coverage,
        estimated_quantity,
        null as purchase_quantity,
        null as export_quantity,
        null as stock_draw_quantity,
        null as stock_adjustment_quantity,
        null as consumption_quantity,
        null as consumption_tce_equivalent,
        null as consumption_tce_equal
    from {{ ref('performance_by_' ~ breakdown) }}
    where period_type = 'month'
    {%- endfor %}
)

select
    closings.site_code,
    closings.stat_month,
    closings.version,
    closings.closing_id,
    figures.breakdown,
    figures.energy_code,
    figures.level,
    figures.org_code,
    figures.equipment_code,
    figures.item,
    figures.energy_name,
    figures.unit,
    figures.source,
    figures.quantity_reason,
    figures.tce_equivalent_reason,
    figures.tce_equal_reason,
    figures.stock_reason,
    coalesce(coefficients.coefficients, '[]'::jsonb) as coefficients,
    figures.quantity,
    figures.tce_equivalent,
    figures.tce_equal,
    figures.coverage,
    figures.estimated_quantity,
    figures.purchase_quantity,
    figures.export_quantity,
    figures.stock_draw_quantity,
    figures.stock_adjustment_quantity,
    figures.consumption_quantity,
    figures.consumption_tce_equivalent,
    figures.consumption_tce_equal
from closings
inner join figures
    on closings.site_code = figures.site_code and closings.period_start = figures.period_start
left join {{ ref('int_closings__coefficients') }} as coefficients
    on
        closings.site_code = coefficients.site_code
        and closings.closing_id = coefficients.closing_id
        and figures.energy_code = coefficients.energy_code
