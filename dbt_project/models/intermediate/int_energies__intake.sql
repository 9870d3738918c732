{{ config(
    materialized='fact',
    tags='energies',
    indexes=[{'columns': ['site_code', 'period_type', 'period_start', 'energy_code']}],
    pre_hook="{{ delete_performance() }}",
) }}
-- One row per site, energy and period: what the plant took in over its boundary, each part on its own.
-- From metered level-1 purchase and export flows where the energy has any, else from the ERP (day and
-- above). Stock is known for months and above.
with flows as (
    {{ flows_in_windows(['item'], "windows.level = 1 and windows.item in ('purchase', 'export')") }}
),

metered_energies as (
    select
        site_code,
        energy_code,
        count(*) as flow_count,
        bool_or(item = 'purchase') as has_purchase,
        bool_or(item = 'export') as has_export
    from {{ ref('int_flows__definitions') }}
    where level = 1 and item in ('purchase', 'export')
    group by site_code, energy_code
),

by_item as (
    select
        site_code,
        energy_code,
        item,
        period_type,
        period_start,
        period_start_at,
        shift_code,
        {{ energy_sums() }},
        {{ energy_sum_reasons() }},
        sum(case when quantity is not null then coverage else 0 end) as coverage
    from flows
    group by site_code, energy_code, item, period_type, period_start, period_start_at, shift_code
),

metered as (
    select
        by_item.site_code,
        by_item.energy_code,
        by_item.period_type,
        by_item.period_start,
        by_item.period_start_at,
        by_item.shift_code,
        'metered' as source,
        {% for item in ('purchase', 'export') -%}
            {% for figure in ('quantity', 'tce_equivalent', 'tce_equal') -%}
                -- Without such a flow there is nothing to miss; a silent one leaves its part unknown.
                case
                    when metered_energies.has_{{ item }}
                        then sum(by_item.{{ figure }}) filter (where by_item.item = '{{ item }}')
                    else 0
                end as {{ item }}_{{ figure }},
            {% endfor -%}
        {% endfor -%}
        sum(by_item.estimated_quantity * case when by_item.item = 'export' then -1 else 1 end)
        as estimated_quantity,
        round(sum(by_item.coverage) / metered_energies.flow_count, 9) as coverage,
        max(by_item.quantity_reason) as quantity_reason,
        max(by_item.tce_equivalent_reason) as tce_equivalent_reason,
        max(by_item.tce_equal_reason) as tce_equal_reason
    from by_item
    inner join metered_energies
        on by_item.site_code = metered_energies.site_code and by_item.energy_code = metered_energies.energy_code
    group by
        by_item.site_code, by_item.energy_code, by_item.period_type, by_item.period_start,
        by_item.period_start_at, by_item.shift_code, metered_energies.flow_count,
        metered_energies.has_purchase, metered_energies.has_export
),

documents as (
    select
        documents.*,
        {{ tce('documents.quantity', 'coefficients.kgce_per_unit') }} as tce_equivalent,
        {{ tce('documents.quantity', 'coefficients.kgce_per_unit_equal') }} as tce_equal,
        {{ tce_reason('true', 'coefficients.kgce_per_unit', '当量') }} as tce_equivalent_reason,
        {{ tce_reason('true', 'coefficients.kgce_per_unit_equal', '等价') }} as tce_equal_reason
    from {{ ref('int_erp__documents') }} as documents
    left join {{ ref('int_energies__coefficients') }} as coefficients
        on
            documents.site_code = coefficients.site_code
            and documents.energy_code = coefficients.energy_code
            and documents.date >= coefficients.valid_from
            and documents.date < coefficients.valid_to
    where
        documents.kind in ('purchase', 'sale')
        and not exists (
            select 1 from metered_energies
            where
                metered_energies.site_code = documents.site_code
                and metered_energies.energy_code = documents.energy_code
        )
),

booked as (
    select
        documents.site_code,
        documents.energy_code,
        calendar.period_type,
        calendar.first_date::timestamp as period_start,
        calendar.starts_at as period_start_at,
        null::text as shift_code,
        'erp' as source,
        {% for item, kind in (('purchase', 'purchase'), ('export', 'sale')) -%}
            coalesce(sum(documents.quantity) filter (where documents.kind = '{{ kind }}'), 0)
            as {{ item }}_quantity,
            {% for basis in ('equivalent', 'equal') -%}
                case
                    when
                        count(*) filter (
                            where documents.kind = '{{ kind }}'
                            and documents.quantity <> 0 and documents.tce_{{ basis }} is null
                        ) = 0
                        then coalesce(sum(documents.tce_{{ basis }}) filter (where documents.kind = '{{ kind }}'), 0)
                end as {{ item }}_tce_{{ basis }},
            {% endfor -%}
        {% endfor -%}
        null::numeric as estimated_quantity,
        null::numeric as coverage,
        null::text as quantity_reason,
        max(documents.tce_equivalent_reason) as tce_equivalent_reason,
        max(documents.tce_equal_reason) as tce_equal_reason
    from documents
    inner join {{ ref('int_sites__calendar') }} as calendar
        on documents.site_code = calendar.site_code and documents.date = calendar.stat_date
    inner join {{ ref('int_energies__windows') }} as windows
        on
            documents.site_code = windows.site_code
            and documents.energy_code = windows.energy_code
            and calendar.period_type = windows.period_type
            and calendar.first_date::timestamp >= windows.starts_local
            and calendar.first_date::timestamp < windows.ends_local
    group by
        documents.site_code, documents.energy_code, calendar.period_type, calendar.first_date,
        calendar.starts_at
),

taken as (
    select * from metered
    union all
    select * from booked
),

-- Stock is valued by the coefficient of the period's last day.
stocks as (
    select
        stocks.*,
        stocks.first_date::timestamp as period_start,
        coefficients.kgce_per_unit,
        coefficients.kgce_per_unit_equal
    from {{ ref('int_stocks__periods') }} as stocks
    inner join {{ ref('int_energies__windows') }} as windows
        on
            stocks.site_code = windows.site_code
            and stocks.energy_code = windows.energy_code
            and stocks.period_type = windows.period_type
            and stocks.first_date::timestamp >= windows.starts_local
            and stocks.first_date::timestamp < windows.ends_local
    left join {{ ref('int_energies__coefficients') }} as coefficients
        on
            stocks.site_code = coefficients.site_code
            and stocks.energy_code = coefficients.energy_code
            and stocks.after_date - 1 >= coefficients.valid_from
            and stocks.after_date - 1 < coefficients.valid_to
    where stocks.opening_quantity is not null or stocks.closing_quantity is not null
),

stocked_energies as (
    select site_code, energy_code from {{ ref('int_energies__stocked') }}
),

-- By the stock alone a row stands too: it says that the purchases are not known.
joined as (
    select
        coalesce(taken.site_code, stocks.site_code) as site_code,
        coalesce(taken.energy_code, stocks.energy_code) as energy_code,
        coalesce(taken.period_type, stocks.period_type) as period_type,
        coalesce(taken.period_start, stocks.period_start) as period_start,
        coalesce(taken.period_start_at, stocks.starts_at) as period_start_at,
        taken.shift_code,
        coalesce(taken.source, 'erp') as source,
        taken.purchase_quantity,
        taken.purchase_tce_equivalent,
        taken.purchase_tce_equal,
        taken.export_quantity,
        taken.export_tce_equivalent,
        taken.export_tce_equal,
        taken.purchase_quantity - taken.export_quantity as quantity,
        taken.purchase_tce_equivalent - taken.export_tce_equivalent as tce_equivalent,
        taken.purchase_tce_equal - taken.export_tce_equal as tce_equal,
        taken.estimated_quantity,
        taken.coverage,
        taken.quantity_reason,
        taken.tce_equivalent_reason,
        taken.tce_equal_reason,
        stocks.stock_reason,
        stocks.stock_draw_quantity,
        {{ tce('stocks.stock_draw_quantity', 'stocks.kgce_per_unit') }} as stock_draw_tce_equivalent,
        {{ tce('stocks.stock_draw_quantity', 'stocks.kgce_per_unit_equal') }} as stock_draw_tce_equal,
        stocks.stock_adjustment_quantity,
        {{ tce('stocks.stock_adjustment_quantity', 'stocks.kgce_per_unit') }} as stock_adjustment_tce_equivalent,
        {{ tce('stocks.stock_adjustment_quantity', 'stocks.kgce_per_unit_equal') }} as stock_adjustment_tce_equal
    from taken
    full outer join stocks
        on
            taken.site_code = stocks.site_code
            and taken.energy_code = stocks.energy_code
            and taken.period_type = stocks.period_type
            and taken.period_start = stocks.period_start
)

select
    joined.site_code,
    joined.energy_code,
    joined.period_type,
    joined.shift_code,
    joined.source,
    stocked_energies.energy_code is not null as is_stocked,
    case
        when joined.quantity is null
            then coalesce(
                joined.quantity_reason,
                case
                    when joined.source = 'erp' then '本期无购入或销售单据（确无购销请录入数量为 0 的单据）'
                    when joined.purchase_quantity is null then '购入计量器具本期无数据'
                    else '外供计量器具本期无数据'
                end
            )
    end as quantity_reason,
    case
        when joined.tce_equivalent is null then coalesce(joined.tce_equivalent_reason, '实物量不能计算')
    end as tce_equivalent_reason,
    case when joined.tce_equal is null then coalesce(joined.tce_equal_reason, '实物量不能计算') end
    as tce_equal_reason,
    case
        when stocked_energies.energy_code is null then null
        when joined.period_type in ('month', 'quarter', 'year')
            then case
                when joined.stock_draw_quantity is null then coalesce(joined.stock_reason, '缺期初、期末库存')
            end
        else '有库存的能源按月及以上计算消费量'
    end as stock_reason,
    joined.purchase_quantity,
    joined.purchase_tce_equivalent,
    joined.purchase_tce_equal,
    joined.export_quantity,
    joined.export_tce_equivalent,
    joined.export_tce_equal,
    joined.quantity,
    joined.tce_equivalent,
    joined.tce_equal,
    joined.coverage,
    joined.estimated_quantity,
    joined.stock_draw_quantity,
    joined.stock_draw_tce_equivalent,
    joined.stock_draw_tce_equal,
    joined.stock_adjustment_quantity,
    joined.stock_adjustment_tce_equivalent,
    joined.stock_adjustment_tce_equal,
    -- Consumption: what came in, and what the stock gave.
    {% for figure in ('quantity', 'tce_equivalent', 'tce_equal') -%}
        case
            when stocked_energies.energy_code is null then joined.{{ figure }}
            else joined.{{ figure }} + joined.stock_draw_{{ figure }} + joined.stock_adjustment_{{ figure }}
        end as consumption_{{ figure }},
    {% endfor -%}
    joined.period_start,
    joined.period_start_at
from joined
left join stocked_energies
    on joined.site_code = stocked_energies.site_code and joined.energy_code = stocked_energies.energy_code
