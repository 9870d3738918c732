-- One row per meter of the ledger that a flow is measured by: on how many of its site's days less is known
-- of it than the completeness asks for. Days run from the site's first hour to its last full day.
with hours as (
    select
        hours.site_code,
        hours.meter_code,
        ((hours.hour_start at time zone sites.timezone) - sites.day_start)::date as stat_date,
        sum(hours.coverage) as covered_hours
    from marts.fct_meter_hourly as hours
    inner join ledger.sites as sites on hours.site_code = sites.site_code
    group by hours.site_code, hours.meter_code, stat_date
),

sites as (
    select
        site_code,
        min(stat_date) as first_date,
        max(stat_date) as last_date
    from hours
    group by site_code
),

expected as (
    select
        meters.site_code,
        meters.meter_code,
        sites.first_date + series.day_number as stat_date
    from ledger.meters as meters
    inner join sites on meters.site_code = sites.site_code
    cross join lateral generate_series(0, sites.last_date - sites.first_date - 1) as series (day_number)
    where
        meters.reading_kind <> 'manual'
        and meters.interval_minutes <= 1440
        and coalesce(meters.status, 'normal') = 'normal'
        and exists (
            select 1 from ledger.flow_terms as terms
            where terms.site_code = meters.site_code and terms.meter_code = meters.meter_code
        )
)

select
    expected.site_code,
    expected.meter_code,
    count(*) as days_judged,
    count(*) filter (where coalesce(hours.covered_hours, 0) < 24 * $completeness) as days_incomplete,
    max(expected.stat_date) filter (where coalesce(hours.covered_hours, 0) < 24 * $completeness)::text
    as last_incomplete_day
from expected
left join hours
    on
        expected.site_code = hours.site_code
        and expected.meter_code = hours.meter_code
        and expected.stat_date = hours.stat_date
group by expected.site_code, expected.meter_code
