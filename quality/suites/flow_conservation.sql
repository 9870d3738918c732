-- One row per flow that was computed anew: what the hours and the days of its changed days add up to, and what
-- the days and the months of its changed months do.
with changed as materialized (
    select
        site_code,
        code as flow_code,
        unnest(range_agg(daterange(starts_on, ends_on))) as days
    from ops.unjudged
    where kind = 'flow'
    group by site_code, code
),

hours as (
    select
        changed.site_code,
        changed.flow_code,
        sum(hours.quantity) as quantity
    from changed
    inner join marts.fct_energy_hourly as hours
        on
            changed.site_code = hours.site_code
            and changed.flow_code = hours.flow_code
            -- A site's day is within a day of the calendar's: for the index.
            and hours.hour_start >= lower(changed.days) - 2
            and hours.hour_start < upper(changed.days) + 2
    where hours.stat_date <@ changed.days
    group by changed.site_code, changed.flow_code
),

days as (
    select
        changed.site_code,
        changed.flow_code,
        sum(days.quantity) as quantity
    from changed
    inner join marts.fct_energy_daily as days
        on
            changed.site_code = days.site_code
            and changed.flow_code = days.flow_code
            and days.stat_date >= lower(changed.days)
            and days.stat_date < upper(changed.days)
    group by changed.site_code, changed.flow_code
),

-- The months that are there, and those that should be: a day belongs to one.
touched_months as (
    select
        changed.site_code,
        changed.flow_code,
        months.period_start
    from changed
    inner join marts.fct_energy_monthly as months
        on
            changed.site_code = months.site_code
            and changed.flow_code = months.flow_code
            and months.period_start < upper(changed.days)
            and months.period_start > lower(changed.days) - 31
    union
    select
        changed.site_code,
        changed.flow_code,
        calendar.first_date as period_start
    from changed
    inner join intermediate.int_sites__calendar as calendar
        on
            changed.site_code = calendar.site_code
            and calendar.period_type = 'month'
            and calendar.stat_date >= lower(changed.days)
            and calendar.stat_date < upper(changed.days)
),

months as (
    select
        touched_months.site_code,
        touched_months.flow_code,
        touched_months.period_start,
        months.quantity
    from touched_months
    left join marts.fct_energy_monthly as months
        on
            touched_months.site_code = months.site_code
            and touched_months.flow_code = months.flow_code
            and touched_months.period_start = months.period_start
),

month_days as (
    select
        months.site_code,
        months.flow_code,
        months.quantity,
        (
            select sum(days.quantity)
            from marts.fct_energy_daily as days
            where
                days.site_code = months.site_code
                and days.flow_code = months.flow_code
                and days.stat_date >= months.period_start
                and days.stat_date < (months.period_start + interval '1 month')::date
        ) as day_quantity
    from months
),

month_sums as (
    select
        site_code,
        flow_code,
        sum(quantity) as quantity,
        sum(day_quantity) as day_quantity
    from month_days
    group by site_code, flow_code
)

select
    flows.site_code,
    flows.flow_code,
    coalesce(hours.quantity, 0) as hour_quantity,
    coalesce(days.quantity, 0) as day_quantity,
    coalesce(month_sums.quantity, 0) as month_quantity,
    coalesce(month_sums.day_quantity, 0) as month_day_quantity,
    coalesce(days.quantity, 0) - coalesce(hours.quantity, 0) as day_difference,
    coalesce(month_sums.quantity, 0) - coalesce(month_sums.day_quantity, 0) as month_difference
from (select distinct site_code, flow_code from changed) as flows
left join hours on flows.site_code = hours.site_code and flows.flow_code = hours.flow_code
left join days on flows.site_code = days.site_code and flows.flow_code = days.flow_code
left join month_sums on flows.site_code = month_sums.site_code and flows.flow_code = month_sums.flow_code
