-- One row per site: the instant that counts as now, and which calendar day and statistical day that is there.
select
    sites.site_code,
    sites.timezone,
    sites.day_start,
    (clock.now_at at time zone sites.timezone)::date as today,
    ((clock.now_at at time zone sites.timezone) - sites.day_start)::date as stat_today,
    clock.now_at
from {{ ref('stg_ledger__sites') }} as sites
cross join (select {{ clock_at() }} as now_at) as clock
