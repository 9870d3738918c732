with days as (
    select
        hours.site_code,
        hours.equipment_code,
        hours.stat_date,
        hours.running_hours,
        hours.idle_hours,
        hours.standby_hours,
        hours.stopped_hours,
        hours.unknown_hours,
        hours.running_power,
        equipment.name,
        equipment.org_code,
        equipment.rated_power_kw,
        rules.flow_code,
        rules.output_flow_code,
        rules.product_code,
        rules.running_above_kw,
        rules.value_kind,
        rules.value_unit,
        rules.rated_value,
        rules.standard_value,
        rules.standard,
        rules.clause,
        energies.energy_code,
        energies.unit as energy_unit,
        case energies.unit when 'kWh' then 1 when 'MWh' then 1000 when '万kWh' then 10000 end as kwh_per_unit,
        energy.flow_code is not null as has_energy,
        energy.quantity as energy_quantity,
        energy.quantity_reason,
        energy.tce_equivalent,
        energy.tce_equivalent_reason,
        coalesce(energy.coverage, 0) as coverage,
        case when rules.output_flow_code is not null then output.quantity else made.quantity end as output_quantity,
        case when rules.output_flow_code is not null then output_energies.unit else products.unit end as output_unit,
        output.tce_equivalent as output_tce_equivalent,
        case
            when rules.output_flow_code is not null then coalesce(output.coverage, 0)
            when made.quantity is not null then 1
        end as output_coverage,
        case
            when rules.output_flow_code is not null
                then coalesce(
                    output.quantity_reason,
                    case when output.flow_code is null then '产出流 ' || rules.output_flow_code || ' 当日没有数据' end
                )
            when rules.product_code is null then '运行规则没有产出流或产品'
            when made.quantity is null then '产品 ' || rules.product_code || ' 没有当日（按日、由本部门、上级部门或全厂填报）的产量'
        end as output_reason,
        output.tce_equivalent_reason as output_tce_reason
    from {{ ref('int_equipment__days') }} as hours
    inner join {{ ref('stg_ledger__equipment_rules') }} as rules
        on
            hours.site_code = rules.site_code
            and hours.equipment_code = rules.equipment_code
            and hours.valid_from = rules.valid_from
    inner join {{ ref('stg_ledger__equipment') }} as equipment
        on hours.site_code = equipment.site_code and hours.equipment_code = equipment.equipment_code
    left join {{ ref('stg_ledger__flows') }} as flows
        on rules.site_code = flows.site_code and rules.flow_code = flows.flow_code
    left join {{ ref('int_sites__energies') }} as energies
        on flows.site_code = energies.site_code and flows.energy_code = energies.energy_code
    left join {{ ref('fct_energy_daily') }} as energy
        on
            hours.site_code = energy.site_code
            and rules.flow_code = energy.flow_code
            and hours.stat_date = energy.stat_date
    left join {{ ref('stg_ledger__flows') }} as output_flows
        on rules.site_code = output_flows.site_code and rules.output_flow_code = output_flows.flow_code
    left join {{ ref('int_sites__energies') }} as output_energies
        on output_flows.site_code = output_energies.site_code and output_flows.energy_code = output_energies.energy_code
    left join {{ ref('fct_energy_daily') }} as output
        on
            hours.site_code = output.site_code
            and rules.output_flow_code = output.flow_code
            and hours.stat_date = output.stat_date
    left join {{ ref('stg_ledger__products') }} as products
        on rules.site_code = products.site_code and rules.product_code = products.product_code
    left join {{ ref('int_equipment__products') }} as made
        on
            hours.site_code = made.site_code
            and hours.equipment_code = made.equipment_code
            and rules.product_code = made.product_code
            and hours.stat_date = made.stat_date
),

-- What the value is made of: the efficiency by energy content, the specific energy in the unit the rule asks for.
parts as (
    select
        *,
        case
            when value_kind = 'efficiency' then output_tce_equivalent
            when value_unit = 'kgce/' || output_unit then tce_equivalent * 1000
            when value_unit = 'tce/' || output_unit then tce_equivalent
            when coalesce(value_unit, energy_unit || '/' || output_unit) = energy_unit || '/' || output_unit then energy_quantity
        end as numerator,
        case when value_kind = 'efficiency' then tce_equivalent else output_quantity end as denominator,
        case
            when value_kind is null then '运行规则没有给出指标种类（效率或单耗）'
            when not has_energy then '能流 ' || flow_code || ' 当日没有数据'
            when energy_quantity is null then quantity_reason
            when output_reason is not null then output_reason
            when value_kind = 'efficiency' and output_flow_code is null then '效率要有产出流，产品的产量不能折成能量'
            when value_kind = 'efficiency' and coalesce(value_unit, '%') <> '%' then '效率的单位只能是 %'
            when value_kind = 'efficiency' and tce_equivalent is null then tce_equivalent_reason
            when value_kind = 'efficiency' and output_tce_equivalent is null then '产出：' || output_tce_reason
            when value_kind = 'efficiency' and tce_equivalent <= 0 then '能耗为零，效率没有意义'
            when value_kind = 'efficiency' then null
            when energy_unit is null or output_unit is null then '能源或产出没有单位'
            when
                coalesce(value_unit, energy_unit || '/' || output_unit)
                not in (energy_unit || '/' || output_unit, 'kgce/' || output_unit, 'tce/' || output_unit)
                then '规则的单位 ' || value_unit || ' 与可计算的 ' || energy_unit || '/' || output_unit || ' 不符'
            when value_unit in ('kgce/' || output_unit, 'tce/' || output_unit) and tce_equivalent is null
                then tce_equivalent_reason
            when output_quantity <= 0 then '产出为零，单耗没有意义'
        end as value_reason
    from days
),

valued as (
    select
        *,
        case
            when value_reason is null
                then round(numerator / denominator * case when value_kind = 'efficiency' then 100 else 1 end, 9)
        end as value,
        case when value_kind = 'efficiency' then '%' else coalesce(value_unit, energy_unit || '/' || output_unit) end
        as value_unit_found
    from parts
)

select
    site_code,
    equipment_code,
    name,
    org_code,
    flow_code,
    energy_code,
    energy_unit,
    output_flow_code,
    product_code,
    output_unit,
    quantity_reason,
    case
        when running_above_kw is null then '运行规则没有运行阈值'
        when running_hours + coalesce(idle_hours, 0) + coalesce(standby_hours, 0) + stopped_hours = 0 then '当日没有可用的小时数据'
        when unknown_hours > 0 then unknown_hours || ' 小时没有足够的实测数据，状态未知'
    end as state_reason,
    case
        when running_above_kw is null then '运行规则没有运行阈值'
        when coalesce(running_hours, 0) = 0 then '当日没有运行'
        when rated_power_kw is null or rated_power_kw = 0 then '台账没有额定功率'
        when kwh_per_unit is null then '能流的单位 ' || coalesce(energy_unit, '未知') || ' 不是电量，不能与额定功率比较'
    end as load_factor_reason,
    output_reason,
    value_kind,
    value_unit_found as value_unit,
    value_reason,
    case
        when value_kind is null or output_quantity <= 0 then '不适用'
        when value is null then '数据不完整'
        when coverage < 0.9 or output_coverage < 0.9 then '数据不完整'
        when standard_value is null then '不适用'
        when value_kind = 'specific_energy' and value_unit is null then '不适用'
        when value_kind = 'efficiency' and value >= standard_value then '达标'
        when value_kind = 'specific_energy' and value <= standard_value then '达标'
        else '未达标'
    end as verdict,
    case
        when value is null then value_reason
        when coverage < 0.9 or output_coverage < 0.9
            then '覆盖率不足 90%：能耗 ' || round(coverage * 100, 1) || '%，产出 ' || round(output_coverage * 100, 1) || '%'
        when standard_value is null then '运行规则没有标准值'
        when value_kind = 'specific_energy' and value_unit is null then '运行规则没有指标的单位，不能与标准值比较'
    end as verdict_reason,
    standard,
    clause,
    running_hours,
    idle_hours,
    standby_hours,
    stopped_hours,
    unknown_hours,
    case
        when running_hours > 0 and rated_power_kw > 0 then round(running_power * kwh_per_unit / rated_power_kw, 9)
    end as load_factor,
    energy_quantity,
    tce_equivalent,
    coverage,
    output_quantity,
    value,
    rated_value,
    standard_value,
    stat_date
from valued
