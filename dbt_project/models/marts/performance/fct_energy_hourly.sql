{{ config(indexes=[
    {'columns': ['site_code', 'flow_code', 'hour_start'], 'unique': true},
    {'columns': ['site_code', 'stat_date']},
]) }}
with flows as (
    select * from {{ ref('stg_ledger__flows') }}
),

terms as (
    select * from {{ ref('stg_ledger__flow_terms') }}
),

term_counts as (
    select
        site_code,
        flow_code,
        count(*) as term_count,
        count(*) filter (where coefficient < 0) as negative_count
    from terms
    group by site_code, flow_code
),

summed as (
    select
        terms.site_code,
        terms.flow_code,
        hours.hour_start,
        sum(terms.coefficient * hours.quantity) as quantity,
        sum(terms.coefficient * hours.estimated_quantity) as estimated_quantity,
        sum(hours.coverage) as coverage_sum,
        count(*) as term_count,
        count(*) filter (where terms.coefficient < 0) as negative_count
    from terms
    inner join {{ ref('fct_meter_hourly') }} as hours
        on terms.site_code = hours.site_code and terms.meter_code = hours.meter_code
    group by terms.site_code, terms.flow_code, hours.hour_start
),

judged as (
    select
        summed.site_code,
        summed.flow_code,
        flows.energy_code,
        hours.hour_start,
        hours.hour_start_local,
        hours.local_date,
        hours.stat_date,
        summed.negative_count = term_counts.negative_count as is_computable,
        summed.quantity,
        summed.estimated_quantity,
        round(summed.coverage_sum / term_counts.term_count, 9) as coverage,
        case
            when summed.term_count < term_counts.term_count
                then (
                    select array_agg(terms.meter_code order by terms.meter_code)
                    from terms
                    where
                        terms.site_code = summed.site_code
                        and terms.flow_code = summed.flow_code
                        and not exists (
                            select 1 from {{ ref('fct_meter_hourly') }} as known
                            where
                                known.site_code = terms.site_code
                                and known.meter_code = terms.meter_code
                                and known.hour_start = summed.hour_start
                        )
                )
            else '{}'::text[]
        end as missing_meters
    from summed
    inner join term_counts
        on summed.site_code = term_counts.site_code and summed.flow_code = term_counts.flow_code
    inner join flows on summed.site_code = flows.site_code and summed.flow_code = flows.flow_code
    inner join {{ ref('int_sites__hours') }} as hours
        on summed.site_code = hours.site_code and summed.hour_start = hours.hour_start
)

select
    judged.site_code,
    judged.flow_code,
    judged.energy_code,
    case
        when not judged.is_computable
            then '减项计量器具无数据：' || array_to_string(judged.missing_meters, '、') || '，差值不能计算'
    end as quantity_reason,
    {{ tce_reason('judged.is_computable', 'coefficients.kgce_per_unit', '当量') }} as tce_equivalent_reason,
    {{ tce_reason('judged.is_computable', 'coefficients.kgce_per_unit_equal', '等价') }} as tce_equal_reason,
    judged.missing_meters,
    case when judged.is_computable then judged.quantity end as quantity,
    case when judged.is_computable then judged.quantity * coefficients.kgce_per_unit / 1000 end
    as tce_equivalent,
    case when judged.is_computable then judged.quantity * coefficients.kgce_per_unit_equal / 1000 end
    as tce_equal,
    judged.coverage,
    case when judged.is_computable then judged.estimated_quantity end as estimated_quantity,
    judged.stat_date,
    judged.hour_start_local,
    judged.hour_start
from judged
left join {{ ref('int_energies__coefficients') }} as coefficients
    on
        judged.site_code = coefficients.site_code
        and judged.energy_code = coefficients.energy_code
        and judged.local_date >= coefficients.valid_from
        and judged.local_date < coefficients.valid_to
