-- One row per flow and week, month, quarter or year: the sums of its days.
with days as (
    select
        days.*,
        calendar.period_type,
        calendar.first_date,
        calendar.starts_at,
        calendar.period_hours,
        day_calendar.period_hours as day_hours,
        case when calendar.period_type = 'month' then calendar.stat_month end as stat_month
    from {{ ref('fct_energy_daily') }} as days
    inner join {{ ref('int_sites__calendar') }} as calendar
        on days.site_code = calendar.site_code and days.stat_date = calendar.stat_date
    inner join {{ ref('int_sites__calendar') }} as day_calendar
        on
            days.site_code = day_calendar.site_code
            and days.stat_date = day_calendar.stat_date
            and day_calendar.period_type = 'day'
    where calendar.period_type <> 'day'
),

named as (
    select
        days.site_code,
        days.flow_code,
        days.period_type,
        days.first_date,
        array_agg(distinct silent.meter_code order by silent.meter_code) as missing_meters
    from days
    cross join lateral unnest(days.missing_meters) as silent (meter_code)
    group by days.site_code, days.flow_code, days.period_type, days.first_date
),

sums as (
    select
        site_code,
        flow_code,
        energy_code,
        period_type,
        first_date,
        starts_at,
        stat_month,
        {{ energy_sums() }},
        {{ energy_sum_reasons() }},
        round(least(sum(coverage * day_hours) / period_hours, 1), 9) as coverage
    from days
    group by
        site_code, flow_code, energy_code, period_type, first_date, starts_at, stat_month, period_hours
)

select
    sums.*,
    coalesce(named.missing_meters, '{}'::text[]) as missing_meters
from sums
left join named
    on
        sums.site_code = named.site_code
        and sums.flow_code = named.flow_code
        and sums.period_type = named.period_type
        and sums.first_date = named.first_date
