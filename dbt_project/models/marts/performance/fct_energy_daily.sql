{{ config(indexes=[{'columns': ['site_code', 'flow_code', 'stat_date'], 'unique': true}]) }}
with hours as (
    select * from {{ ref('fct_energy_hourly') }}
),

calendar as (
    select * from {{ ref('int_sites__calendar') }}
    where period_type = 'day'
),

sums as (
    select
        site_code,
        flow_code,
        energy_code,
        stat_date,
        {{ energy_sums() }},
        {{ energy_sum_reasons() }},
        -- An hour without a figure rests on nothing here, whatever its meters measured.
        sum(case when quantity is not null then coverage else 0 end) as covered_hours,
        count(*) as hour_count
    from hours
    group by site_code, flow_code, energy_code, stat_date
),

named as (
    select
        hours.site_code,
        hours.flow_code,
        hours.stat_date,
        array_agg(distinct silent.meter_code order by silent.meter_code) as missing_meters
    from hours
    cross join lateral unnest(hours.missing_meters) as silent (meter_code)
    group by hours.site_code, hours.flow_code, hours.stat_date
),

all_meters as (
    select site_code, flow_code, array_agg(meter_code order by meter_code) as meters
    from {{ ref('stg_ledger__flow_terms') }}
    group by site_code, flow_code
)

select
    sums.site_code,
    sums.flow_code,
    sums.energy_code,
    sums.quantity_reason,
    sums.tce_equivalent_reason,
    sums.tce_equal_reason,
    case
        -- In an hour without a row all of them were silent.
        when sums.hour_count < calendar.period_hours then all_meters.meters
        else coalesce(named.missing_meters, '{}'::text[])
    end as missing_meters,
    sums.quantity,
    sums.tce_equivalent,
    sums.tce_equal,
    round(least(sums.covered_hours / calendar.period_hours, 1), 9) as coverage,
    sums.estimated_quantity,
    sums.stat_date
from sums
inner join calendar on sums.site_code = calendar.site_code and sums.stat_date = calendar.stat_date
inner join all_meters on sums.site_code = all_meters.site_code and sums.flow_code = all_meters.flow_code
left join named
    on
        sums.site_code = named.site_code
        and sums.flow_code = named.flow_code
        and sums.stat_date = named.stat_date
