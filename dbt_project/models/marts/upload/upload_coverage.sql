-- Why an item has nothing to send, told from the ledgers before anybody waits for its values.
with terms as (
    select
        terms.site_code,
        terms.data_code,
        terms.destination,
        string_agg(
            distinct case
                when terms.kind = 'flow' and definitions.flow_code is null then '能流 ' || terms.code || ' 没有计量表达式'
                when
                    terms.kind = 'flow'
                    and not exists (
                        select 1 from {{ ref('fct_energy_daily') }} as days
                        where days.site_code = terms.site_code and days.flow_code = terms.code
                    )
                    then '能流 ' || terms.code || ' 还没有数据'
                when
                    terms.kind = 'meter'
                    and not exists (
                        select 1 from {{ ref('int_meters__days') }} as days
                        where days.site_code = terms.site_code and days.meter_code = terms.code
                    )
                    then '计量器具 ' || terms.code || ' 还没有数据'
            end, '；'
        ) as reason
    from {{ ref('int_uploads__terms') }} as terms
    left join {{ ref('int_flows__definitions_now') }} as definitions
        on terms.site_code = definitions.site_code and terms.code = definitions.flow_code and terms.kind = 'flow'
    group by terms.site_code, terms.data_code, terms.destination
),

judged as (
    select
        items.*,
        case
            when items.source is null then '没有填写能流或计算式'
            when
                items.source = 'manual'
                and not exists (
                    select 1 from {{ ref('stg_ledger__upload_values') }} as entered
                    where entered.site_code = items.site_code and entered.data_code = items.data_code
                )
                then '手工填报的数据项还没有填报过'
        end as source_reason,
        terms.reason as term_reason,
        case
            when
                (items.source = 'production' or items.figure in ('unit_consumption', 'output_value_consumption'))
                and not exists (
                    select 1 from {{ ref('stg_raw__production') }} as production
                    where
                        production.site_code = items.site_code
                        and (production.product_code = items.product_code or items.product_code is null)
                )
                then '产品' || coalesce(' ' || items.product_code, '') || ' 没有产量数据'
            when
                items.figure = 'output_value_consumption'
                and not exists (
                    select 1 from {{ ref('stg_raw__production') }} as production
                    where
                        production.site_code = items.site_code
                        and (production.product_code = items.product_code or items.product_code is null)
                        and production.output_value_cny is not null
                )
                then '产量数据没有产值'
        end as product_reason,
        case
            when
                items.source = 'site'
                and 1 = any(items.stat_types)
                and exists (
                    select 1 from {{ ref('int_energies__stocked_now') }} as stocked
                    where stocked.site_code = items.site_code
                )
                then '有库存的能源每天消费多少不能由进出厂量得出，日数据没有来源，请填写计算式'
        end as stock_reason,
        case
            when
                0 = any(items.stat_types)
                and (
                    items.source in ('production', 'site')
                    or items.figure in ('comprehensive_energy', 'unit_consumption', 'output_value_consumption')
                )
                then '该指标没有实时数据'
        end as realtime_reason,
        case
            when
                items.figure not in ('quantity', 'production', 'manual')
                and items.energy_code is not null
                and not exists (
                    select 1 from {{ ref('int_energies__coefficients') }} as coefficients
                    where
                        coefficients.site_code = items.site_code
                        and coefficients.energy_code = items.energy_code
                        and case
                            when items.measure = 'tce_equal' then coefficients.kgce_per_unit_equal
                            else coefficients.kgce_per_unit
                        end is not null
                )
                then '能源 ' || items.energy_code || ' 没有折标系数'
        end as coefficient_reason
    from {{ ref('int_uploads__items') }} as items
    left join terms
        on
            items.site_code = terms.site_code
            and items.data_code = terms.data_code
            and items.destination = terms.destination
),

explained as (
    select
        *,
        nullif(
            concat_ws(
                '；', source_reason, term_reason, product_reason, coefficient_reason, stock_reason, realtime_reason
            ), ''
        ) as reason
    from judged
)

select
    explained.site_code,
    explained.data_code,
    explained.destination,
    explained.name as item_name,
    explained.figure,
    array_to_string(explained.stat_types, ',') as stat_types,
    explained.is_required,
    explained.reason is null as is_covered,
    explained.reason
from explained
inner join {{ ref('int_sites__today') }} as clocks on explained.site_code = clocks.site_code
where {{ in_use_today('explained') }}
