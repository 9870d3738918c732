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
-- Flow by flow, so that nothing is sorted (decision 0009).
with flows as (
    select
        windows.site_code,
        windows.flow_code,
        windows.timezone,
        windows.day_start,
        windows.days_start_at,
        windows.days_end_at,
        definitions.meter_codes
    from {{ ref('int_flows__windows') }} as windows
    inner join {{ ref('int_flows__definitions') }} as definitions
        on windows.site_code = definitions.site_code and windows.flow_code = definitions.flow_code
    where windows.worker = {{ worker() }}
),

sums as (
    select
        flows.flow_code,
        flows.meter_codes,
        days.*,
        {{ hours_between('days.stat_date', 'days.stat_date + 1') }} as period_hours
    from flows
    cross join lateral (
        select
            hours.site_code,
            hours.energy_code,
            hours.stat_date,
            {{ energy_sums() }},
            {{ energy_sum_reasons() }},
            {{ union_of_arrays('missing_meters') }} as missing_meters,
            -- An hour without a figure rests on nothing here, whatever its meters measured.
            sum(case when hours.quantity is not null then hours.coverage else 0 end) as covered_hours,
            count(*) as hour_count
        from {{ ref('fct_energy_hourly') }} as hours
        where
            hours.site_code = flows.site_code
            and hours.flow_code = flows.flow_code
            and hours.hour_start >= flows.days_start_at
            and hours.hour_start < flows.days_end_at
        group by hours.site_code, hours.energy_code, hours.stat_date
    ) as days
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
