-- Meters by hours, days or months of the site's own calendar; an hour belongs to a day by its start.
-- site_code, meter_codes; grain: hour, day or month; timezone, day_start, month_start_day: the site's clock;
-- first_hour_at, last_hour_at: bounds of the hours, half-open; shift_code: null unless the period is a shift;
-- starts_local, ends_local: the period on the site's own clock
with hours as (
    select
        hours.*,
        hours.hour_start at time zone %(timezone)s::text as hour_start_local
    from marts.fct_meter_hourly as hours
    where
        hours.site_code = %(site_code)s::text
        and hours.meter_code = any(%(meter_codes)s::text[])
        and hours.hour_start >= %(first_hour_at)s::timestamptz
        and hours.hour_start < %(last_hour_at)s::timestamptz
),

shared as (
    select
        hours.*,
        case %(grain)s::text
            when 'hour' then hours.hour_start_local
            when 'day' then (hours.hour_start_local - %(day_start)s::interval)::date::timestamp
            else date_trunc(
                'month', (hours.hour_start_local - %(day_start)s::interval)::date - (%(month_start_day)s::integer - 1)
            )::timestamp + make_interval(days => %(month_start_day)s::integer - 1)
        end as grain_start,
        case
            when %(shift_code)s::text is null then 1
            else extract(
                epoch from
                least(hours.hour_start_local + interval '1 hour', %(ends_local)s::timestamp)
                - greatest(hours.hour_start_local, %(starts_local)s::timestamp)
            ) / 3600
        end as share
    from hours
)

select
    meter_code,
    grain_start,
    sum(share * quantity) as quantity,
    sum(quantity) as whole_hours_quantity,
    sum(share * estimated_quantity) as estimated_quantity,
    round(sum(share * coverage), 9) as covered_hours,
    count(*) as hour_count,
    min(hour_start) as first_hour_at,
    max(hour_start) as last_hour_at
from shared
where share > 0
group by meter_code, grain_start
order by array_position(%(meter_codes)s::text[], meter_code), grain_start
