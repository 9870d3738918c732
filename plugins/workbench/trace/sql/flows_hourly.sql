-- The flows of a figure of an hour or a shift: the sums of their hours, those on the edge of a shift by share.
-- site_code; flow_code, energy_codes, level, items, has_org, org_code, has_equipment, equipment_code: which flows;
-- first_hour_at, last_hour_at: bounds of the hours, half-open; shift_code: null for an hour;
-- starts_local, ends_local: the period on the site's own clock; period_hours
with {chosen_flows},

hours as (
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
    inner join chosen on hours.site_code = chosen.site_code and hours.flow_code = chosen.flow_code
    where
        hours.hour_start >= %(first_hour_at)s::timestamptz
        and hours.hour_start < %(last_hour_at)s::timestamptz
),

silent as (
    select hours.flow_code, array_agg(distinct meters.meter_code order by meters.meter_code) as missing_meters
    from hours
    cross join lateral unnest(hours.missing_meters) as meters (meter_code)
    where hours.share > 0
    group by hours.flow_code
),

sums as (
    select
        flow_code,
        sum(quantity * share) as quantity,
        case
            when count(*) filter (where quantity <> 0 and tce_equivalent is null) = 0 then sum(tce_equivalent * share)
        end as tce_equivalent,
        case when count(*) filter (where quantity <> 0 and tce_equal is null) = 0 then sum(tce_equal * share) end
        as tce_equal,
        sum(estimated_quantity * share) as estimated_quantity,
        round(
            least(
                sum(case when quantity is not null then coverage * share else 0 end) / %(period_hours)s::numeric, 1
            ), 9
        ) as coverage,
        max(quantity_reason) as quantity_reason,
        max(tce_equivalent_reason) as tce_equivalent_reason,
        max(tce_equal_reason) as tce_equal_reason
    from hours
    where share > 0
    group by flow_code
)

select
    chosen.flow_code,
    chosen.energy_code,
    chosen.energy_name,
    chosen.item,
    chosen.item_name,
    chosen.level,
    chosen.from_node,
    chosen.to_node,
    chosen.org_code,
    chosen.equipment_code,
    chosen.measured_by,
    chosen.meters,
    sums.quantity,
    chosen.unit,
    sums.tce_equivalent,
    sums.tce_equal,
    coalesce(sums.coverage, 0) as coverage,
    sums.estimated_quantity,
    case when sums.flow_code is null then chosen.meters else coalesce(silent.missing_meters, '{{}}'::text[]) end
    as missing_meters,
    case
        when sums.flow_code is null then '本期没有任何小时有可采用的读数'
        when sums.quantity is null then sums.quantity_reason
        else coalesce(
            case when sums.tce_equivalent is null then sums.tce_equivalent_reason end,
            case when sums.tce_equal is null then sums.tce_equal_reason end
        )
    end as reason
from chosen
left join sums on chosen.flow_code = sums.flow_code
left join silent on chosen.flow_code = silent.flow_code
order by abs(sums.quantity) desc nulls last, chosen.flow_code
