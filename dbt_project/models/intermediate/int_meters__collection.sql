-- One row per meter: its last accepted reading, whatever the rules make of it, and what it measured of the last seven
-- whole statistical days. Both are looked up by the meter, so that the cost is the meters' and not the readings'.
select
    meters.site_code,
    meters.meter_code,
    newest.read_at as last_read_at,
    coalesce(week.covered_hours, 0) as covered_hours,
    {{ hours_between('clocks.stat_today - 7', 'clocks.stat_today') }} as week_hours
from {{ ref('stg_ledger__meters') }} as meters
inner join {{ ref('int_sites__today') }} as clocks on meters.site_code = clocks.site_code
left join lateral (
    select readings.read_at
    from {{ ref('stg_raw__readings') }} as readings
    where
        readings.site_code = meters.site_code
        and readings.meter_code = meters.meter_code
        and not readings.is_future
        and readings.quality <> 'bad'
    order by readings.read_at desc
    limit 1
) as newest on true
left join lateral (
    select sum(days.covered_hours) as covered_hours
    from {{ ref('int_meters__days') }} as days
    where
        days.site_code = meters.site_code
        and days.meter_code = meters.meter_code
        and days.stat_date >= clocks.stat_today - 7
        and days.stat_date < clocks.stat_today
) as week on true
