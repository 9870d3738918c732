-- One row per flow that was computed anew: what the hours and the days of its changed days add up to, and what
-- the days and the months of its changed months do.
with changed as materialized (
    select
        site_code,
        flow_code,
        lower(days) as first_date,
        upper(days) as after_date
    from (
        select
            site_code,
            code as flow_code,
            unnest(range_agg(daterange(starts_on, ends_on))) as days
        from ops.unjudged
        where kind = 'flow'
        group by site_code, code
    ) as stretches
),

-- Flow by flow: a join of all of them reads whatever history there is of each (5 s after a year, for one day).
changed_sums as (
    select
        changed.site_code,
        changed.flow_code,
        sum(hours.quantity) as hour_quantity,
        sum(days.quantity) as day_quantity
    from changed
    cross join lateral (
        select sum(found.quantity) as quantity
        from marts.fct_energy_hourly as found
        where
            found.site_code = changed.site_code
            and found.flow_code = changed.flow_code
            and found.stat_date >= changed.first_date
            and found.stat_date < changed.after_date
            -- A site's day is within a day of the calendar's: for the index.
            and found.hour_start >= changed.first_date - 2
            and found.hour_start < changed.after_date + 2
    ) as hours
    cross join lateral (
        select sum(found.quantity) as quantity
        from marts.fct_energy_daily as found
        where
            found.site_code = changed.site_code
            and found.flow_code = changed.flow_code
            and found.stat_date >= changed.first_date
            and found.stat_date < changed.after_date
    ) as days
    group by changed.site_code, changed.flow_code
),

-- The months that are there, and those that should be: a day belongs to one. (Most flows changed on the same days.)
expected_months as materialized (
    select distinct
        stretches.site_code,
        stretches.first_date,
        stretches.after_date,
        calendar.first_date as period_start
    from (select distinct site_code, first_date, after_date from changed) as stretches
    inner join intermediate.int_sites__calendar as calendar
        on
            stretches.site_code = calendar.site_code
            and calendar.period_type = 'month'
            and calendar.stat_date >= stretches.first_date
            and calendar.stat_date < stretches.after_date
),

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
            and months.period_start < changed.after_date
            and months.period_start > changed.first_date - 31
    union
    select
        changed.site_code,
        changed.flow_code,
        expected_months.period_start
    from changed
    inner join expected_months
        on
            changed.site_code = expected_months.site_code
            and changed.first_date = expected_months.first_date
            and changed.after_date = expected_months.after_date
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
    changed_sums.site_code,
    changed_sums.flow_code,
    coalesce(changed_sums.hour_quantity, 0) as hour_quantity,
    coalesce(changed_sums.day_quantity, 0) as day_quantity,
    coalesce(month_sums.quantity, 0) as month_quantity,
    coalesce(month_sums.day_quantity, 0) as month_day_quantity,
    coalesce(changed_sums.day_quantity, 0) - coalesce(changed_sums.hour_quantity, 0) as day_difference,
    coalesce(month_sums.quantity, 0) - coalesce(month_sums.day_quantity, 0) as month_difference
from changed_sums
left join month_sums
    on changed_sums.site_code = month_sums.site_code and changed_sums.flow_code = month_sums.flow_code
