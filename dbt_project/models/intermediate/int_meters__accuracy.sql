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

meters as not materialized (
    select
        meters.site_code,
        meters.meter_code,
        meters.energy_code,
        meters.accuracy_class,
        {{ status_today() }} as status,
        case when measured.meter_code is null then meters.level else measured.level end as level
    from {{ ref('stg_ledger__meters') }} as meters
    inner join {{ ref('int_sites__today') }} as clocks on meters.site_code = clocks.site_code
    left join measured on meters.site_code = measured.site_code and meters.meter_code = measured.meter_code
),

-- A hundred thousand meters are of a few hundred kinds, and each kind is judged once.
kinds as (
    select distinct site_code, energy_code, level, accuracy_class
    from meters
),

judged as (
    select
        kinds.site_code,
        kinds.energy_code,
        kinds.level,
        kinds.accuracy_class,
        requirements.standard,
        requirements.strictest_class,
        requirements.loosest_class,
        {{ accuracy_verdict('kinds.accuracy_class', 'requirements.strictest_class', 'requirements.loosest_class') }}
        as is_accurate,
        case
            when requirements.loosest_class is null
                then requirements.standard || ' 第 ' || kinds.level || ' 级的准确度要求没有收录'
            when kinds.accuracy_class is null then '台账没有准确度等级'
            when {{ accuracy_rank('kinds.accuracy_class') }} is null
                then '准确度等级“' || kinds.accuracy_class || '”不是数值，不能比较'
            when
                {{ accuracy_verdict('kinds.accuracy_class', 'requirements.strictest_class', 'requirements.loosest_class') }}
                is null
                then '介于 ' || requirements.strictest_class || ' 与 ' || requirements.loosest_class || ' 之间，取决于：'
                || requirements.accuracy_condition
        end as accuracy_reason,
        requirements.accuracy_evidence,
        clocks.today >= requirements.valid_from and clocks.today < requirements.valid_to as is_in_force
    from kinds
    inner join {{ ref('int_sites__today') }} as clocks on kinds.site_code = clocks.site_code
    inner join {{ ref('int_energies__metering_categories') }} as categories
        on kinds.site_code = categories.site_code and kinds.energy_code = categories.energy_code
    inner join {{ ref('int_equipping__requirements') }} as requirements
        on
            kinds.site_code = requirements.site_code
            and categories.category = requirements.category
            and kinds.level = requirements.level
)

select
    meters.site_code,
    meters.meter_code,
    meters.energy_code,
    meters.status,
    meters.level,
    judged.standard,
    meters.accuracy_class,
    judged.strictest_class,
    judged.loosest_class,
    judged.is_accurate,
    judged.accuracy_reason,
    judged.accuracy_evidence,
    coalesce(judged.is_in_force, false) as is_in_force
from meters
-- An outer join, so that the planner, who takes the verdicts for a single row, looks them up for each meter and does
-- not read all meters for each of them.
left join judged
    on
        meters.site_code = judged.site_code
        and meters.energy_code = judged.energy_code
        and meters.level = judged.level
        and coalesce(meters.accuracy_class, '') = coalesce(judged.accuracy_class, '')
where coalesce(judged.standard, '') <> ''
