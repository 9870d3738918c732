-- The meters of flows, each with its coefficient in the flow's expression. A meter-hour counts where the flow has
-- a quantity in that hour; what lies in the other hours is shown as left out.
-- site_code, flow_codes; first_hour_at, last_hour_at: bounds of the hours, half-open;
-- shift_code: null unless the period is a shift; starts_local, ends_local: the period on the site's own clock;
-- period_hours
with terms as (
    select * from ledger.flow_terms
    where site_code = %(site_code)s::text and flow_code = any(%(flow_codes)s::text[])
),

flow_hours as (
    select
        flow_code,
        hour_start,
        quantity is not null as is_computable,
        case
            when %(shift_code)s::text is null then 1
            else extract(
                epoch from
                least(hour_start_local + interval '1 hour', %(ends_local)s::timestamp)
                - greatest(hour_start_local, %(starts_local)s::timestamp)
            ) / 3600
        end as share
    from marts.fct_energy_hourly
    where
        site_code = %(site_code)s::text
        and flow_code = any(%(flow_codes)s::text[])
        and hour_start >= %(first_hour_at)s::timestamptz
        and hour_start < %(last_hour_at)s::timestamptz
),

meter_hours as (
    select * from marts.fct_meter_hourly
    where
        site_code = %(site_code)s::text
        and meter_code in (select meter_code from terms)
        and hour_start >= %(first_hour_at)s::timestamptz
        and hour_start < %(last_hour_at)s::timestamptz
),

sums as (
    select
        terms.flow_code,
        terms.meter_code,
        sum(flow_hours.share * meter_hours.quantity) filter (where flow_hours.is_computable) as quantity,
        sum(flow_hours.share * meter_hours.quantity) filter (where not flow_hours.is_computable) as left_out_quantity,
        sum(flow_hours.share * meter_hours.coverage) as covered_hours
    from terms
    inner join flow_hours on terms.flow_code = flow_hours.flow_code
    inner join meter_hours
        on terms.meter_code = meter_hours.meter_code and flow_hours.hour_start = meter_hours.hour_start
    where flow_hours.share > 0
    group by terms.flow_code, terms.meter_code
)

select
    terms.flow_code,
    terms.meter_code,
    meters.name,
    meters.reading_kind,
    meters.multiplier,
    energies.unit,
    terms.coefficient,
    sums.quantity,
    terms.coefficient * sums.quantity as contribution,
    sums.left_out_quantity,
    round(least(coalesce(sums.covered_hours, 0) / %(period_hours)s::numeric, 1), 9) as coverage,
    case when sums.meter_code is null then '本期没有任何小时有可采用的读数' end as reason
from terms
left join sums on terms.flow_code = sums.flow_code and terms.meter_code = sums.meter_code
left join marts.dim_meters as meters
    on terms.site_code = meters.site_code and terms.meter_code = meters.meter_code
left join marts.dim_energies as energies
    on meters.site_code = energies.site_code and meters.energy_code = energies.energy_code
order by array_position(%(flow_codes)s::text[], terms.flow_code), abs(terms.coefficient * sums.quantity) desc nulls last,
    terms.meter_code
