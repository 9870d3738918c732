with in_force as (
    select
        sites.site_code,
        grades.*
    from {{ ref('int_sites__today') }} as sites
    inner join {{ ref('efficiency_grades') }} as grades
        on
            sites.today >= grades.valid_from
            and sites.today < coalesce(grades.valid_to, 'infinity')
),

standards as (
    select
        site_code,
        equipment_kind,
        min(standard) as standard
    from in_force
    group by site_code, equipment_kind
),

classes as (
    select
        machines.*,
        standards.standard,
        grades.clause,
        grades.evidence,
        grades.remark,
        grades.is_allowed,
        coalesce(grades.label, grades.grade || ' 级') as grade_found,
        grades.equipment_kind is not null as is_known_grade
    from {{ ref('int_equipment__machines') }} as machines
    inner join standards
        on machines.site_code = standards.site_code and machines.equipment_kind = standards.equipment_kind
    left join in_force as grades
        on
            machines.site_code = grades.site_code
            and machines.equipment_kind = grades.equipment_kind
            and (
                upper(substring(machines.efficiency_grade from '(?i)IE\s*[1-5]')) = grades.label
                or (
                    machines.efficiency_grade !~* 'IE'
                    and substring(machines.efficiency_grade from '\d+') = grades.grade::text
                )
                or (
                    machines.efficiency_grade !~ '[0-9]'
                    and position(substring(machines.efficiency_grade from '[一二三]') in '一二三') = grades.grade
                )
            )
),

obsolete as (
    select
        machines.*,
        lists.list,
        lists.evidence,
        lists.remark,
        lists.list is not null as is_listed
    from {{ ref('int_equipment__machines') }} as machines
    left join {{ ref('obsolete_models') }} as lists
        on machines.equipment_kind = lists.equipment_kind and upper(btrim(machines.model)) ~ lists.model_pattern
    where
        machines.equipment_kind is not null
        and exists (
            select 1 from {{ ref('obsolete_models') }} as known
            where known.equipment_kind = machines.equipment_kind
        )
),

rules as (
    select distinct on (rules.site_code, rules.equipment_code)
        rules.site_code,
        rules.equipment_code,
        rules.running_above_kw
    from {{ ref('stg_ledger__equipment_rules') }} as rules
    inner join {{ ref('int_sites__today') }} as clocks on rules.site_code = clocks.site_code
    where rules.valid_from <= clocks.today and rules.valid_to > clocks.today
    order by rules.site_code asc, rules.equipment_code asc, rules.valid_from desc
)

select
    site_code,
    equipment_code,
    motor_code,
    'efficiency_class' as check_kind,
    name,
    org_code,
    equipment_kind,
    model,
    efficiency_grade,
    case
        when not is_known_grade then '无法判定'
        when is_allowed then '达标'
        else '未达标'
    end as verdict,
    case
        when efficiency_grade is null then '台账没有能效等级'
        when not is_known_grade then '能效等级“' || efficiency_grade || '”不在 ' || standard || ' 的等级之中'
        else concat_ws('；', '能效等级 ' || grade_found, remark)
    end as verdict_reason,
    standard,
    clause,
    evidence
from classes
union all
select
    site_code,
    equipment_code,
    motor_code,
    'obsolete' as check_kind,
    name,
    org_code,
    equipment_kind,
    model,
    efficiency_grade,
    case
        when is_listed then '疑似淘汰'
        when model is null then '无法判定'
        else '未列入'
    end as verdict,
    case
        when is_listed then remark
        when model is null then '台账没有型号'
        else '型号不在已收录的淘汰型号之中；收录不全，不能据此认定不属于淘汰设备'
    end as verdict_reason,
    list as standard,
    null::text as clause,
    evidence
from obsolete
union all
select
    machines.site_code,
    machines.equipment_code,
    machines.motor_code,
    'rule' as check_kind,
    machines.name,
    machines.org_code,
    machines.equipment_kind,
    machines.model,
    machines.efficiency_grade,
    case when rules.running_above_kw is null then '无法判定' else '已设定' end as verdict,
    case
        when rules.equipment_code is null then '没有运行规则（台账“设备运行规则”），不能判断运行状态和效率'
        when rules.running_above_kw is null then '运行规则没有运行阈值，不能判断运行状态'
    end as verdict_reason,
    null::text as standard,
    null::text as clause,
    null::text as evidence
from {{ ref('int_equipment__machines') }} as machines
left join rules on machines.site_code = rules.site_code and machines.equipment_code = rules.equipment_code
where machines.motor_code is null
