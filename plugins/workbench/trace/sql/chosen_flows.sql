-- Part of flows_daily and flows_hourly: the metered flows that a figure is the sum of.
chosen as (
    select
        flows.site_code,
        flows.flow_code,
        flows.energy_code,
        energies.name as energy_name,
        energies.unit,
        flows.from_node,
        flows.to_node,
        flows.level,
        flows.item,
        flows.item_name,
        flows.org_code,
        flows.equipment_code,
        flows.measured_by,
        terms.meters
    from marts.dim_flows as flows
    inner join (
        select site_code, flow_code, array_agg(meter_code order by meter_code) as meters
        from ledger.flow_terms
        where site_code = %(site_code)s::text
        group by site_code, flow_code
    ) as terms on flows.site_code = terms.site_code and flows.flow_code = terms.flow_code
    left join marts.dim_energies as energies
        on flows.site_code = energies.site_code and flows.energy_code = energies.energy_code
    where
        flows.site_code = %(site_code)s::text
        and (%(flow_code)s::text is null or flows.flow_code = %(flow_code)s::text)
        and (%(energy_codes)s::text[] is null or flows.energy_code = any(%(energy_codes)s::text[]))
        and (%(level)s::smallint is null or flows.level = %(level)s::smallint)
        and (%(items)s::text[] is null or flows.item = any(%(items)s::text[]))
        and (not %(has_org)s::boolean or flows.org_code is not distinct from %(org_code)s::text)
        and (not %(has_equipment)s::boolean or flows.equipment_code is not distinct from %(equipment_code)s::text)
)
