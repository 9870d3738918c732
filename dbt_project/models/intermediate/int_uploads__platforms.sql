-- One row per platform of a site: the first day that it is answered for (its setting, or the day before it was added),
-- by the site's clock, and what that clock says now.
select
    destinations.site_code,
    destinations.destination,
    destinations.is_enabled,
    destinations.created_at,
    coalesce(
        destinations.since, (destinations.created_at at time zone sites.timezone)::date - 1
    ) as begins_on,
    sites.timezone,
    sites.day_start,
    sites.month_start_day,
    (clock.now_at at time zone sites.timezone)::date as today,
    clock.now_at
from {{ ref('stg_ops__upload_destinations') }} as destinations
inner join {{ ref('stg_ledger__sites') }} as sites on destinations.site_code = sites.site_code
cross join (select {{ clock_at() }} as now_at) as clock
