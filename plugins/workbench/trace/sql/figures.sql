-- Every figure of the site that can be traced, by the name it is asked for.
-- site_code: the site
with metered as (
    select flows.*
    from marts.dim_flows as flows
    where
        flows.site_code = %(site_code)s::text
        and exists (
            select 1 from ledger.flow_terms as terms
            where terms.site_code = flows.site_code and terms.flow_code = flows.flow_code
        )
),

taken_in as (
    select energy_code from metered
    where level = 1 and item in ('purchase', 'export')
    union
    select energy_code from marts.performance_by_type
    where site_code = %(site_code)s::text and period_type = 'year'
),

names as (
    select 1 as kind_order, 'comprehensive' as name, '综合能耗' as label
    union all
    select 2, 'type:' || taken_in.energy_code, '分类：' || coalesce(energies.name, taken_in.energy_code)
    from taken_in
    left join marts.dim_energies as energies
        on energies.site_code = %(site_code)s::text and taken_in.energy_code = energies.energy_code
    union all
    select distinct
        3, 'level:' || flows.level || ':' || flows.energy_code || places.suffix,
        '分级：' || flows.level || ' 级 ' || coalesce(energies.name, flows.energy_code) || places.label
    from metered as flows
    left join marts.dim_energies as energies
        on flows.site_code = energies.site_code and flows.energy_code = energies.energy_code
    left join marts.dim_org_units as org_units
        on flows.site_code = org_units.site_code and flows.org_code = org_units.org_code
    left join marts.dim_equipment as equipment
        on flows.site_code = equipment.site_code and flows.equipment_code = equipment.equipment_code
    cross join lateral (
        values
        ('', ''),
        (':' || coalesce(flows.org_code, '@none'), ' ' || coalesce(org_units.name, flows.org_code, '（无部门）')),
        (
            ':' || coalesce(flows.org_code, '@none') || ':' || coalesce(flows.equipment_code, '@none'),
            ' ' || coalesce(org_units.name, flows.org_code, '（无部门）')
            || ' ' || coalesce(equipment.name, flows.equipment_code, '（无设备）')
        )
    ) as places (suffix, label)
    union all
    select distinct
        4, 'item:' || flows.item || ':' || flows.energy_code,
        '分项：' || coalesce(flows.item_name, flows.item) || ' ' || coalesce(energies.name, flows.energy_code)
    from metered as flows
    left join marts.dim_energies as energies
        on flows.site_code = energies.site_code and flows.energy_code = energies.energy_code
    union all
    select
        5, 'flow:' || flow_code,
        '能源流：' || from_node || ' → ' || to_node || ' ' || coalesce(item_name, item)
    from metered
    union all
    select 6, 'meter:' || meter_code, '计量器具：' || name
    from marts.dim_meters
    where site_code = %(site_code)s::text
)

select name, min(label) as label
from names
group by name
order by min(kind_order), name
