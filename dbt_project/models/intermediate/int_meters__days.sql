{{ config(
    materialized='fact',
    tags='meters',
    indexes=[
        {'columns': ['site_code', 'meter_code', 'stat_date'], 'unique': true},
        {'columns': ['site_code', 'stat_date']},
    ],
    pre_hook="delete from {{ this }} as built
        using ({{ days_of_windows() }}) as windows
        where
            built.site_code = windows.site_code
            and built.meter_code = windows.meter_code
            and built.stat_date >= windows.first_date
            and built.stat_date < windows.after_date",
    post_hook=["{{ mark_flows_of_windows() }}", "{{ note_unjudged_meters() }}", "{{ forget_taken_meters() }}"],
) }}
-- depends_on: {{ ref('int_readings__rejected') }}
-- depends_on: {{ ref('reading_events') }}
-- depends_on: {{ ref('int_meters__slots') }}
-- One row per meter and statistical day of which anything is known. The last of what follows from a meter's
-- readings: with it the flows are marked, and the meters' own marks go.
select
    hours.site_code,
    hours.meter_code,
    count(*)::integer as hour_count,
    sum(hours.coverage) as covered_hours,
    ((hours.hour_start at time zone windows.timezone) - windows.day_start)::date as stat_date
from ({{ days_of_windows() }}) as windows
inner join {{ ref('int_meters__hours') }} as hours
    on
        windows.site_code = hours.site_code
        and windows.meter_code = hours.meter_code
        and windows.starts_at <= hours.hour_start
        and windows.ends_at > hours.hour_start
where hours.quantity is not null
group by hours.site_code, hours.meter_code, stat_date
