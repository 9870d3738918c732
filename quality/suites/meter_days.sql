-- One row per meter of the ledger that a flow is measured by: on how many of the days that were computed anew
-- less is known of it than the completeness asks for; a meter that says nothing at all is as incomplete as one
-- that stutters. Days run from the site's first one to its last full one.
with changed as (
    select
        changes.site_code,
        unnest(
            range_agg(daterange(changes.starts_on, changes.ends_on))
            * datemultirange(daterange(extent.first_date, extent.last_date))
        ) as days
    from ops.unjudged as changes
    cross join lateral (
        select min(days.stat_date) as first_date, max(days.stat_date) as last_date
        from intermediate.int_meters__days as days
        where days.site_code = changes.site_code
    ) as extent
    -- A site of which no day is known yet has no range: without bounds it would be all days of ten thousand years.
    where changes.kind = 'meter' and extent.first_date is not null
    group by changes.site_code, extent.first_date, extent.last_date
),

expected as (
    select
        meters.site_code,
        meters.meter_code,
        lower(changed.days) + series.day_number as stat_date
    from changed
    inner join ledger.meters as meters on changed.site_code = meters.site_code
    cross join lateral generate_series(0, upper(changed.days) - lower(changed.days) - 1) as series (day_number)
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
    count(*) filter (where coalesce(days.covered_hours, 0) < 24 * $completeness) as days_incomplete,
    max(expected.stat_date) filter (where coalesce(days.covered_hours, 0) < 24 * $completeness)::text
    as last_incomplete_day
from expected
left join intermediate.int_meters__days as days
    on
        expected.site_code = days.site_code
        and expected.meter_code = days.meter_code
        and expected.stat_date = days.stat_date
group by expected.site_code, expected.meter_code
