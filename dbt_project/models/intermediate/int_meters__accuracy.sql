-- One row per meter, level it measures at and edition of GB 17167: the accuracy class that is asked for there, and
-- whether the meter's own meets it (null: can't be told). The level is that of the flows in use that it measures, else
-- its own.
with measured as (
    select distinct terms.site_code, terms.meter_code, flows.level
    from {{ ref('stg_ledger__flow_terms') }} as terms
    inner join {{ ref('stg_ledger__flows') }} as flows
        on terms.site_code = flows.site_code and terms.flow_code = flows.flow_code
    inner join {{ ref('int_sites__today') }} as clocks on flows.site_code = clocks.site_code
    where {{ in_use_today('flows') }}
),

levels as (
    select * from measured
    union all
    select meters.site_code, meters.meter_code, meters.level
    from {{ ref('stg_ledger__meters') }} as meters
    left join measured on meters.site_code = measured.site_code and meters.meter_code = measured.meter_code
    where meters.level is not null and measured.meter_code is null
)

select
    meters.site_code,
    meters.meter_code,
    meters.energy_code,
    {{ status_today() }} as status,
    levels.level,
    requirements.standard,
    meters.accuracy_class,
    requirements.strictest_class,
    requirements.loosest_class,
    {{ accuracy_verdict('meters.accuracy_class', 'requirements.strictest_class', 'requirements.loosest_class') }}
    as is_accurate,
    case
        when requirements.loosest_class is null
            then requirements.standard || ' 第 ' || levels.level || ' 级的准确度要求没有收录'
        when meters.accuracy_class is null then '台账没有准确度等级'
        when {{ accuracy_rank('meters.accuracy_class') }} is null
            then '准确度等级“' || meters.accuracy_class || '”不是数值，不能比较'
        when
            {{ accuracy_verdict('meters.accuracy_class', 'requirements.strictest_class', 'requirements.loosest_class') }}
            is null
            then '介于 ' || requirements.strictest_class || ' 与 ' || requirements.loosest_class || ' 之间，取决于：'
            || requirements.accuracy_condition
    end as accuracy_reason,
    requirements.accuracy_evidence,
    clocks.today >= requirements.valid_from and clocks.today < requirements.valid_to as is_in_force
from {{ ref('stg_ledger__meters') }} as meters
inner join levels on meters.site_code = levels.site_code and meters.meter_code = levels.meter_code
inner join {{ ref('int_sites__today') }} as clocks on meters.site_code = clocks.site_code
inner join {{ ref('int_energies__metering_categories') }} as categories
    on meters.site_code = categories.site_code and meters.energy_code = categories.energy_code
inner join {{ ref('int_equipping__requirements') }} as requirements
    on
        meters.site_code = requirements.site_code
        and categories.category = requirements.category
        and levels.level = requirements.level
