{{ config(
    materialized='fact',
    tags='flows',
    indexes=[{'columns': ['site_code', 'flow_code', 'starts_at', 'shift_code'], 'unique': true}],
    pre_hook="delete from {{ this }} as built
        using ({{ shift_windows() }}) as windows
        where
            built.site_code = windows.site_code
            and built.flow_code = windows.flow_code
            and built.starts_local >= windows.starts_local
            and built.starts_local < windows.ends_local",
) }}
-- One row per flow and shift: the hours it holds, an hour on its edge by share. A shift whose end is not after
-- its start runs past midnight.
with hours as (
    select
        hours.*,
        windows.timezone,
        windows.starts_local as window_starts_local,
        windows.ends_local as window_ends_local
    from ({{ shift_windows() }}) as windows
    inner join {{ ref('fct_energy_hourly') }} as hours
        on
            windows.site_code = hours.site_code
            and windows.flow_code = hours.flow_code
            -- A shift lasts a day at most; clocks may change by an hour.
            and windows.starts_local at time zone windows.timezone - interval '2 hours' <= hours.hour_start
            and windows.ends_local at time zone windows.timezone + interval '26 hours' > hours.hour_start
),

occurrences as (
    select
        hours.*,
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
    where
        starts_local >= window_starts_local
        and starts_local < window_ends_local
        and starts_local < hour_start_local + interval '1 hour'
        and ends_local > hour_start_local
)

select
    site_code,
    flow_code,
    energy_code,
    shift_code,
    starts_local,
    starts_local at time zone timezone as starts_at,
    {{ energy_sums('share') }},
    {{ energy_sum_reasons() }},
    round(
        least(
            sum(case when quantity is not null then coverage * share else 0 end)
            / round(extract(epoch from ends_local - starts_local) / 3600, 9), 1
        ), 9
    ) as coverage
from shared
group by site_code, flow_code, energy_code, shift_code, starts_local, ends_local, timezone
