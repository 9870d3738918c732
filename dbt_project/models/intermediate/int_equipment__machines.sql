-- One row per piece of equipment and kind of motor on it (motor_code null: the equipment itself), with the kind of
-- machine that efficiency standards know it as; null where none of their words is in its category or name.
with equipment as (
    select equipment.*
    from {{ ref('stg_ledger__equipment') }} as equipment
    inner join {{ ref('int_sites__today') }} as clocks on equipment.site_code = clocks.site_code
    where {{ in_use_today('equipment') }}
),

machines as (
    select
        site_code,
        equipment_code,
        null::text as motor_code,
        name,
        org_code,
        category,
        model,
        efficiency_grade,
        coalesce(category, name) as words
    from equipment
    union all
    select
        motors.site_code,
        motors.equipment_code,
        motors.motor_code,
        equipment.name,
        equipment.org_code,
        '电动机' as category,
        motors.model,
        motors.efficiency_grade,
        '电动机' as words
    from {{ ref('stg_ledger__motors') }} as motors
    inner join equipment
        on motors.site_code = equipment.site_code and motors.equipment_code = equipment.equipment_code
    inner join {{ ref('int_sites__today') }} as clocks on motors.site_code = clocks.site_code
    where {{ in_use_today('motors') }}
),

kinds as (
    select
        equipment_kind,
        min(words) as words
    from {{ ref('efficiency_grades') }}
    group by equipment_kind
)

select
    machines.site_code,
    machines.equipment_code,
    machines.motor_code,
    machines.name,
    machines.org_code,
    machines.category,
    machines.model,
    machines.efficiency_grade,
    kinds.equipment_kind
from machines
left join lateral (
    -- The longest word found is the one that names it: 空压机电动机 is a motor of a compressor.
    select kinds.equipment_kind
    from kinds
    where machines.words ~ kinds.words
    order by length(substring(machines.words from kinds.words)) desc, kinds.equipment_kind asc
    limit 1
) as kinds on true
