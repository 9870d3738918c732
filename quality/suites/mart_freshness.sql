-- One row per site: how old the newest hour of its marts is.
select
    site_code,
    max(hour_start)::text as newest_hour_start,
    round(extract(epoch from '$now'::timestamptz - (max(hour_start) + interval '1 hour')) / 3600, 1) as hours_old
from marts.fct_meter_hourly
group by site_code
