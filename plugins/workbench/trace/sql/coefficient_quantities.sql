-- How much of the flows' quantity each coefficient was applied to: by the local day of each hour.
-- site_code, flow_codes; first_hour_at, last_hour_at: bounds of the hours, half-open;
-- shift_code: null unless the period is a shift; starts_local, ends_local: the period on the site's own clock
with hours as (
    select
        hours.*,
        case
            when %(shift_code)s::text is null then 1
            else extract(
                epoch from
                least(hours.hour_start_local + interval '1 hour', %(ends_local)s::timestamp)
                - greatest(hours.hour_start_local, %(starts_local)s::timestamp)
            ) / 3600
        end as share
    from marts.fct_energy_hourly as hours
    where
        hours.site_code = %(site_code)s::text
        and hours.flow_code = any(%(flow_codes)s::text[])
        and hours.hour_start >= %(first_hour_at)s::timestamptz
        and hours.hour_start < %(last_hour_at)s::timestamptz
)

select
    hours.flow_code,
    hours.energy_code,
    nullif(coefficients.valid_from, '-infinity') as valid_from,
    sum(hours.quantity * hours.share) as quantity,
    sum(hours.quantity * hours.share * coefficients.kgce_per_unit / 1000) as tce_equivalent,
    sum(hours.quantity * hours.share * coefficients.kgce_per_unit_equal / 1000) as tce_equal
from hours
left join marts.dim_energy_coefficients as coefficients
    on
        hours.site_code = coefficients.site_code
        and hours.energy_code = coefficients.energy_code
        and hours.hour_start_local::date >= coefficients.valid_from
        and hours.hour_start_local::date < coefficients.valid_to
where hours.share > 0
group by hours.flow_code, hours.energy_code, coefficients.valid_from
order by hours.flow_code, coefficients.valid_from
