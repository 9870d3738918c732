{{ config(
    materialized='fact',
    tags='flows',
    indexes=[{'columns': ['site_code', 'flow_code']}],
    pre_hook=[
        "{{ split_long_flow_marks() }}",
        "{{ delete_long_flow_marks() }}",
        "{{ take_marks('ops.dirty_flows', 'flow_code') }}",
        "{{ delete_windows() }}",
    ],
    post_hook="analyze {{ this }}",
) }}
-- depends_on: {{ ref('int_meters__days') }}
-- depends_on: {{ ref('int_flows__definitions') }}
-- depends_on: {{ ref('int_flows__terms') }}
-- depends_on: {{ ref('int_energies__coefficients') }}
-- One row per flow and stretch of hours that this build computes anew, with the whole days around it.
with marks as (
    select
        site_code,
        flow_code,
        {{ microseconds('starts_at') }} as from_us,
        {{ microseconds('ends_at') }} as to_us
    from {{ ref('stg_ops__dirty_flows') }}
    where is_taken and {{ is_mine('flow_code') }}
),

-- Days are computed whole, so what lies less than two days apart is one stretch.
stretches as (
    {{ islands('marks', ['site_code', 'flow_code'], gap=172800000000) }}
),

dated as (
    select
        stretches.site_code,
        stretches.flow_code,
        clocks.timezone,
        clocks.day_start,
        clocks.month_start_day,
        to_timestamp(stretches.from_us / 1000000.0) as starts_at,
        to_timestamp(stretches.to_us / 1000000.0) as ends_at,
        (to_timestamp(stretches.from_us / 1000000.0) at time zone clocks.timezone - clocks.day_start)::date as first_date,
        (to_timestamp(stretches.to_us / 1000000.0 - 0.000001) at time zone clocks.timezone - clocks.day_start)::date + 1
        as after_date
    from stretches
    inner join {{ ref('int_sites__clocks') }} as clocks on stretches.site_code = clocks.site_code
)

select
    site_code,
    flow_code,
    {{ worker() }} as worker,
    timezone,
    day_start,
    month_start_day,
    first_date,
    after_date,
    starts_at,
    ends_at,
    (first_date + day_start) at time zone timezone as days_start_at,
    (after_date + day_start) at time zone timezone as days_end_at
from dated
