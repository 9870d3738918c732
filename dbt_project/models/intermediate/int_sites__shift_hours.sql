-- One row per site, hour and shift that the hour lies in, with the share of the hour that does. A shift
-- whose end is not after its start runs past midnight.
with hours as (
    select * from {{ ref('int_sites__hours') }}
),

occurrences as (
    select
        hours.site_code,
        hours.hour_start,
        hours.hour_start_local,
        shifts.shift_code,
        hours.hour_start_local::date - days.back + shifts.start_time as starts_local,
        hours.hour_start_local::date - days.back + shifts.end_time
        + case when shifts.end_time <= shifts.start_time then interval '1 day' else interval '0' end
            as ends_local
    from hours
    inner join {{ ref('stg_ledger__shifts') }} as shifts on hours.site_code = shifts.site_code
    -- The night before, and, where hours do not begin with the clock's, the day that begins within this one.
    cross join (values (-1), (0), (1)) as days (back)
    where
        hours.hour_start_local::date - days.back >= shifts.valid_from
        and hours.hour_start_local::date - days.back < shifts.valid_to
),

shared as (
    select
        occurrences.*,
        extract(
            epoch from
            least(hour_start_local + interval '1 hour', ends_local) - greatest(hour_start_local, starts_local)
        ) / 3600 as share
    from occurrences
)

select
    shared.site_code,
    shared.shift_code,
    shared.share,
    round(extract(epoch from shared.ends_local - shared.starts_local) / 3600, 9) as shift_hours,
    shared.starts_local,
    shared.starts_local at time zone sites.timezone as starts_at,
    shared.hour_start
from shared
inner join {{ ref('stg_ledger__sites') }} as sites on shared.site_code = sites.site_code
where shared.share > 0
