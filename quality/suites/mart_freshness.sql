-- One row per site: how old the newest hour of its marts is. Looked up meter by meter, not by reading all hours.
select
    meters.site_code,
    max(newest.hour_start)::text as newest_hour_start,
    round(extract(epoch from '$now'::timestamptz - (max(newest.hour_start) + interval '1 hour')) / 3600, 1) as hours_old
from ledger.meters as meters
cross join lateral (
    select hours.hour_start
    from marts.fct_meter_hourly as hours
    where hours.site_code = meters.site_code and hours.meter_code = meters.meter_code
    order by hours.hour_start desc
    limit 1
) as newest
group by meters.site_code
