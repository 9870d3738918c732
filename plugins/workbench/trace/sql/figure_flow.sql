-- The figure of one flow where a mart holds it by itself: hours, days and months.
-- site_code, flow_code, period_type, period_start, starts_at
with figures as (
    select
        site_code, flow_code, energy_code, quantity, tce_equivalent, tce_equal, coverage, estimated_quantity,
        quantity_reason, tce_equivalent_reason, tce_equal_reason, missing_meters
    from marts.fct_energy_hourly
    where
        %(period_type)s::text = 'hour'
        and site_code = %(site_code)s::text
        and flow_code = %(flow_code)s::text
        and hour_start = %(starts_at)s::timestamptz
    union all
    select
        site_code, flow_code, energy_code, quantity, tce_equivalent, tce_equal, coverage, estimated_quantity,
        quantity_reason, tce_equivalent_reason, tce_equal_reason, missing_meters
    from marts.fct_energy_daily
    where
        %(period_type)s::text = 'day'
        and site_code = %(site_code)s::text
        and flow_code = %(flow_code)s::text
        and stat_date = %(period_start)s::date
    union all
    select
        site_code, flow_code, energy_code, quantity, tce_equivalent, tce_equal, coverage, estimated_quantity,
        quantity_reason, tce_equivalent_reason, tce_equal_reason, missing_meters
    from marts.fct_energy_monthly
    where
        %(period_type)s::text = 'month'
        and site_code = %(site_code)s::text
        and flow_code = %(flow_code)s::text
        and period_start = %(period_start)s::date
)

select figures.*, energies.name as energy_name, energies.unit
from figures
left join marts.dim_energies as energies
    on figures.site_code = energies.site_code and figures.energy_code = energies.energy_code
