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
            and built.starts_local < windows.ends_local
            -- For the index, with what clocks may change by.
            and built.starts_at >= windows.starts_local at time zone windows.timezone - interval '2 hours'
            and built.starts_at < windows.ends_local at time zone windows.timezone + interval '2 hours'",
    settings={'enable_hashjoin': 'off', 'enable_mergejoin': 'off'},
) }}
-- One row per flow and shift: the hours it holds, an hour on its edge by share. A shift whose end is not after
-- its start runs past midnight.
--
-- Shift by shift, each of which looks its hours up: to hold every hour against every shift of three days took about
-- twice as long. And window by window the shifts that go: the planner would rather hold all of a year in a hash.
with windows as (
    select
        windows.*,
        extents.first_date,
        extents.last_date
    from ({{ shift_windows() }}) as windows
    cross join lateral (
        -- A shift lasts a day at most, so one that holds the first hour began the day before, or on its day.
        select
            (min(hours.hour_start) at time zone windows.timezone)::date - 1 as first_date,
            (max(hours.hour_start) at time zone windows.timezone)::date + 1 as last_date
        from {{ ref('fct_energy_hourly') }} as hours
        where
            hours.site_code = windows.site_code
            and hours.flow_code = windows.flow_code
            -- Clocks may change by an hour.
            and hours.hour_start >= windows.starts_local at time zone windows.timezone - interval '2 hours'
            and hours.hour_start < windows.ends_local at time zone windows.timezone + interval '26 hours'
        group by hours.site_code
    ) as extents
),

occurrences as (
    select
        windows.site_code,
        windows.flow_code,
        shifts.shift_code,
        days.day + shifts.start_time as starts_local,
        days.day + shifts.end_time
        + case when shifts.end_time <= shifts.start_time then interval '1 day' else interval '0' end
            as ends_local,
        (days.day + shifts.start_time) at time zone windows.timezone as starts_at
    from windows
    inner join {{ ref('stg_ledger__shifts') }} as shifts on windows.site_code = shifts.site_code
    cross join lateral generate_series(
        windows.first_date::timestamp, windows.last_date::timestamp, interval '1 day'
    ) as days (day)
    where
        days.day >= shifts.valid_from
        and days.day < shifts.valid_to
        and days.day + shifts.start_time >= windows.starts_local
        and days.day + shifts.start_time < windows.ends_local
)

select
    occurrences.site_code,
    occurrences.flow_code,
    summed.energy_code,
    occurrences.shift_code,
    occurrences.starts_local,
    occurrences.starts_at,
    summed.quantity,
    summed.tce_equivalent,
    summed.tce_equal,
    summed.estimated_quantity,
    summed.quantity_reason,
    summed.tce_equivalent_reason,
    summed.tce_equal_reason,
    round(
        least(
            summed.covered_hours
            / round(extract(epoch from occurrences.ends_local - occurrences.starts_local) / 3600, 9), 1
        ), 9
    ) as coverage
from occurrences
cross join lateral (
    select
        shared.site_code,
        max(shared.energy_code) as energy_code,
        {{ energy_sums('share') }},
        {{ energy_sum_reasons() }},
        sum(case when quantity is not null then coverage * share else 0 end) as covered_hours
    from (
        select
            hours.*,
            -- It is asked for once for each sum, and nearly all hours are whole.
            case
                when
                    hours.hour_start_local >= occurrences.starts_local
                    and hours.hour_start_local + interval '1 hour' <= occurrences.ends_local
                    then 1
                else
                    extract(
                        epoch from
                        least(hours.hour_start_local + interval '1 hour', occurrences.ends_local)
                        - greatest(hours.hour_start_local, occurrences.starts_local)
                    ) / 3600
            end as share
        from {{ ref('fct_energy_hourly') }} as hours
        where
            hours.site_code = occurrences.site_code
            and hours.flow_code = occurrences.flow_code
            -- By the index, with what clocks may change by; then by the clock.
            and hours.hour_start > occurrences.starts_at - interval '2 hours'
            and hours.hour_start
            < occurrences.starts_at + (occurrences.ends_local - occurrences.starts_local) + interval '1 hour'
            and hours.hour_start_local + interval '1 hour' > occurrences.starts_local
            and hours.hour_start_local < occurrences.ends_local
    ) as shared
    where shared.site_code = occurrences.site_code
    group by shared.site_code
) as summed
