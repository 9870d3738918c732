-- The flows of a figure of a day or more: the sums of their days.
-- Missing is never zero: a day without a quantity stays out and lowers the coverage, and standard coal is null
-- when a day with a quantity has no coefficient.
-- site_code; flow_code, energy_codes, level, items, has_org, org_code, has_equipment, equipment_code: which flows;
-- first_date, after_date: statistical days, half-open; period_hours; timezone, day_start
with {chosen_flows},

days as (
    select
        days.*,
        extract(
            epoch from (days.stat_date + 1 + %(day_start)s::time) at time zone %(timezone)s::text
            - (days.stat_date + %(day_start)s::time) at time zone %(timezone)s::text
        ) / 3600 as day_hours
    from marts.fct_energy_daily as days
    inner join chosen on days.site_code = chosen.site_code and days.flow_code = chosen.flow_code
    where days.stat_date >= %(first_date)s::date and days.stat_date < %(after_date)s::date
),

silent as (
    select days.flow_code, array_agg(distinct meters.meter_code order by meters.meter_code) as missing_meters
    from days
    cross join lateral unnest(days.missing_meters) as meters (meter_code)
    group by days.flow_code
),

sums as (
    select
        flow_code,
        sum(quantity) as quantity,
        case when count(*) filter (where quantity <> 0 and tce_equivalent is null) = 0 then sum(tce_equivalent) end
        as tce_equivalent,
        case when count(*) filter (where quantity <> 0 and tce_equal is null) = 0 then sum(tce_equal) end as tce_equal,
        sum(estimated_quantity) as estimated_quantity,
        round(least(sum(coverage * day_hours) / %(period_hours)s::numeric, 1), 9) as coverage,
        max(quantity_reason) as quantity_reason,
        max(tce_equivalent_reason) as tce_equivalent_reason,
        max(tce_equal_reason) as tce_equal_reason
    from days
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
