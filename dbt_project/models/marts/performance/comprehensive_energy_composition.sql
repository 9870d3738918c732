{{ config(
    materialized='fact',
    tags='totals',
    indexes=[{'columns': ['site_code', 'period_type', 'period_start']}],
    pre_hook="delete from {{ this }}",
) }}
-- GB/T 2589: E = Σ Ei·ki over what crosses the plant's boundary, stock changes included. Own secondary
-- energy and recovered heat were counted when their inputs came in, working media only when bought: both
-- are shown here, and not counted.
with intake as (
    select * from {{ ref('int_energies__intake') }}
    where period_type in ('month', 'quarter', 'year')
),

-- An energy belongs to the balance from the first period in which anything is known of it.
expected as (
    select
        energies.site_code,
        energies.energy_code,
        periods.period_type,
        periods.period_start
    from (
        select site_code, energy_code, min(period_start)::date as known_from
        from intake
        where period_type = 'month'
        group by site_code, energy_code
    ) as energies
    inner join (
        select distinct site_code, period_type, first_date::timestamp as period_start, after_date
        from {{ ref('int_sites__calendar') }}
        where period_type in ('month', 'quarter', 'year')
    ) as periods
        on energies.site_code = periods.site_code and energies.known_from < periods.after_date
),

parts as (
    select
        expected.site_code,
        expected.period_type,
        expected.period_start,
        expected.energy_code,
        parts.component,
        parts.quantity,
        parts.tce_equivalent,
        parts.tce_equal,
        parts.reason_equivalent,
        parts.reason_equal
    from expected
    left join intake
        on
            expected.site_code = intake.site_code
            and expected.energy_code = intake.energy_code
            and expected.period_type = intake.period_type
            and expected.period_start = intake.period_start
    cross join lateral (
        values
        (
            'purchase', intake.purchase_quantity, intake.purchase_tce_equivalent, intake.purchase_tce_equal,
            coalesce(intake.quantity_reason, intake.tce_equivalent_reason, '本期无数据'),
            coalesce(intake.quantity_reason, intake.tce_equal_reason, '本期无数据')
        ),
        (
            'export', -intake.export_quantity, -intake.export_tce_equivalent, -intake.export_tce_equal,
            coalesce(intake.quantity_reason, intake.tce_equivalent_reason, '本期无数据'),
            coalesce(intake.quantity_reason, intake.tce_equal_reason, '本期无数据')
        ),
        (
            'stock_draw', intake.stock_draw_quantity, intake.stock_draw_tce_equivalent,
            intake.stock_draw_tce_equal,
            coalesce(intake.stock_reason, intake.tce_equivalent_reason, '本期无数据'),
            coalesce(intake.stock_reason, intake.tce_equal_reason, '本期无数据')
        ),
        (
            'stock_adjustment', intake.stock_adjustment_quantity, intake.stock_adjustment_tce_equivalent,
            intake.stock_adjustment_tce_equal,
            coalesce(intake.stock_reason, intake.tce_equivalent_reason, '本期无数据'),
            coalesce(intake.stock_reason, intake.tce_equal_reason, '本期无数据')
        )
    ) as parts (component, quantity, tce_equivalent, tce_equal, reason_equivalent, reason_equal)
    where parts.component in ('purchase', 'export') or coalesce(intake.is_stocked, false)
),

own as (
    select
        periods.site_code,
        periods.period_type,
        periods.first_date::timestamp as period_start,
        periods.energy_code,
        case flows.item when 'recovery' then 'recovery' else 'own_conversion' end as component,
        {{ energy_sums() }},
        {{ energy_sum_reasons() }}
    from {{ ref('int_flows__calendar_periods') }} as periods
    inner join {{ ref('int_flows__definitions') }} as flows
        on periods.site_code = flows.site_code and periods.flow_code = flows.flow_code
    where periods.period_type in ('month', 'quarter', 'year') and flows.item in ('conversion_out', 'recovery')
    group by
        periods.site_code, periods.period_type, periods.first_date, periods.energy_code,
        case flows.item when 'recovery' then 'recovery' else 'own_conversion' end
),

components as (
    select *, true as is_boundary from parts
    union all
    select
        site_code, period_type, period_start, energy_code, component, quantity, tce_equivalent, tce_equal,
        tce_equivalent_reason, tce_equal_reason, false as is_boundary
    from own
)

select
    components.site_code,
    components.period_type,
    components.energy_code,
    components.component,
    energies.name as energy_name,
    energies.unit,
    energies.class as energy_class,
    case components.component
        when 'purchase' then '购入'
        when 'export' then '外供'
        when 'stock_draw' then '库存减少'
        when 'stock_adjustment' then '盘盈盘亏'
        when 'recovery' then '回收利用'
        when 'own_conversion' then '自产二次能源'
    end as component_name,
    case
        when energies.class = 'non_energy' then '非能源产品，不计入'
        when components.component = 'recovery' then '回收利用的余能已随投入计入，不重复计入'
        when components.component = 'own_conversion' then '自产自用的二次能源和耗能工质已随投入计入，不重复计入'
        when energies.class = 'medium' then '外购耗能工质，计入'
        else '进出用能单位边界，计入'
    end as counting_rule,
    case when components.tce_equivalent is null then components.reason_equivalent end as tce_equivalent_reason,
    case when components.tce_equal is null then components.reason_equal end as tce_equal_reason,
    components.quantity,
    components.tce_equivalent,
    components.tce_equal,
    components.is_boundary and coalesce(energies.class <> 'non_energy', true) as is_counted,
    components.period_start
from components
left join {{ ref('int_sites__energies') }} as energies
    on components.site_code = energies.site_code and components.energy_code = energies.energy_code
