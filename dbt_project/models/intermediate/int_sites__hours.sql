{{ config(indexes=[{'columns': ['site_code', 'hour_start'], 'unique': true}]) }}
-- One row per site and hour of which any meter knows something: the hour on the site's own clock and the
-- site's own day, to which an hour belongs by its start.
with hours as (
    select distinct site_code, hour_start
    from {{ ref('fct_meter_hourly') }}
)

select
    hours.site_code,
    (hours.hour_start at time zone sites.timezone - sites.day_start::interval)::date as stat_date,
    (hours.hour_start at time zone sites.timezone)::date as local_date,
    hours.hour_start at time zone sites.timezone as hour_start_local,
    hours.hour_start
from hours
inner join {{ ref('stg_ledger__sites') }} as sites on hours.site_code = sites.site_code
