{{ config(
    materialized='fact',
    tags='flows',
    indexes=[
        {'columns': ['site_code', 'flow_code', 'stat_date'], 'unique': true},
        {'columns': ['site_code', 'stat_date']},
    ],
    pre_hook="delete from {{ this }} as built
        using {{ ref('int_flows__windows') }} as windows
        where
            windows.worker = {{ worker() }}
            and built.site_code = windows.site_code
            and built.flow_code = windows.flow_code
            and built.stat_date >= windows.first_date
            and built.stat_date < windows.after_date",
) }}
with hours as (
    select
        hours.*,
        windows.timezone,
        windows.day_start,
        definitions.meter_codes
    from {{ ref('int_flows__windows') }} as windows
    inner join {{ ref('int_flows__definitions') }} as definitions
        on windows.site_code = definitions.site_code and windows.flow_code = definitions.flow_code
    inner join {{ ref('fct_energy_hourly') }} as hours
        on
            windows.site_code = hours.site_code
            and windows.flow_code = hours.flow_code
            and windows.days_start_at <= hours.hour_start
            and windows.days_end_at > hours.hour_start
    where windows.worker = {{ worker() }}
),

sums as (
    select
        site_code,
        flow_code,
        energy_code,
        stat_date,
        timezone,
        day_start,
        meter_codes,
        {{ energy_sums() }},
        {{ energy_sum_reasons() }},
        {{ union_of_arrays('missing_meters') }} as missing_meters,
        -- An hour without a figure rests on nothing here, whatever its meters measured.
        sum(case when quantity is not null then coverage else 0 end) as covered_hours,
        count(*) as hour_count,
        {{ hours_between('stat_date', 'stat_date + 1') }} as period_hours
    from hours
    group by site_code, flow_code, energy_code, stat_date, timezone, day_start, meter_codes
)

select
    site_code,
    flow_code,
    energy_code,
    quantity_reason,
    tce_equivalent_reason,
    tce_equal_reason,
    -- In an hour without a row all of them were silent.
    case when hour_count < period_hours then meter_codes else missing_meters end as missing_meters,
    quantity,
    tce_equivalent,
    tce_equal,
    round(least(covered_hours / period_hours, 1), 9) as coverage,
    estimated_quantity,
    stat_date
from sums
