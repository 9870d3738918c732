-- What one meter measured in the period: its hours, those on the edge of a shift by their share.
-- site_code, meter_code, timezone; first_hour_at, last_hour_at: bounds of the hours, half-open;
-- shift_code: null unless the period is a shift; starts_local, ends_local: the period on the site's own clock
with hours as (
    select
        hours.*,
        case
            when %(shift_code)s::text is null then 1
            else extract(
                epoch from
                least(hours.hour_start at time zone %(timezone)s::text + interval '1 hour', %(ends_local)s::timestamp)
                - greatest(hours.hour_start at time zone %(timezone)s::text, %(starts_local)s::timestamp)
            ) / 3600
        end as share
    from marts.fct_meter_hourly as hours
    where
        hours.site_code = %(site_code)s::text
        and hours.meter_code = %(meter_code)s::text
        and hours.hour_start >= %(first_hour_at)s::timestamptz
        and hours.hour_start < %(last_hour_at)s::timestamptz
)

select
    meters.energy_code,
    energies.name as energy_name,
    energies.unit,
    sum(hours.share * hours.quantity) as quantity,
    null::numeric as tce_equivalent,
    null::numeric as tce_equal,
    round(sum(hours.share * hours.coverage) / %(period_hours)s::numeric, 9) as coverage,
    sum(hours.share * hours.estimated_quantity) as estimated_quantity,
    case when count(hours.hour_start) = 0 then '本期没有任何小时有可采用的读数' end as quantity_reason
from marts.dim_meters as meters
left join marts.dim_energies as energies
    on meters.site_code = energies.site_code and meters.energy_code = energies.energy_code
left join hours on meters.meter_code = hours.meter_code and hours.share > 0
where meters.site_code = %(site_code)s::text and meters.meter_code = %(meter_code)s::text
group by meters.energy_code, energies.name, energies.unit
