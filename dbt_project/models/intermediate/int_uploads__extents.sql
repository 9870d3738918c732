-- One row per site: the statistical days between which anything is known of its meters, flows or documents.
select
    clocks.site_code,
    clocks.timezone,
    clocks.day_start,
    clocks.month_start_day,
    known.first_date,
    known.last_date
from {{ ref('int_sites__clocks') }} as clocks
cross join lateral (
    select
        least(min(dates.stat_date), min(days.stat_date)) as first_date,
        greatest(max(dates.stat_date), max(days.stat_date)) as last_date
    from (
        select min(stat_date) as stat_date from {{ ref('int_sites__dates') }}
        where site_code = clocks.site_code
        union all
        select max(stat_date) from {{ ref('int_sites__dates') }}
        where site_code = clocks.site_code
    ) as dates
    cross join (
        select min(stat_date) as stat_date from {{ ref('int_meters__days') }}
        where site_code = clocks.site_code
        union all
        select max(stat_date) from {{ ref('int_meters__days') }}
        where site_code = clocks.site_code
    ) as days
) as known
where known.first_date is not null
