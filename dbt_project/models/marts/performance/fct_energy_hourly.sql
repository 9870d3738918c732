{{ config(
    materialized='fact',
    tags='flows',
    indexes=[
        {'columns': ['site_code', 'flow_code', 'hour_start'], 'unique': true},
    ],
    pre_hook="delete from {{ this }} as built
        using {{ ref('int_flows__windows') }} as windows
        where
            windows.worker = {{ worker() }}
            and built.site_code = windows.site_code
            and built.flow_code = windows.flow_code
            and built.hour_start >= windows.starts_at
            and built.hour_start < windows.ends_at",
) }}
with flows as (
    select
        windows.site_code,
        windows.flow_code,
        windows.starts_at,
        windows.ends_at,
        windows.timezone,
        windows.day_start,
        definitions.energy_code,
        definitions.meter_codes,
        definitions.term_count,
        definitions.negative_count
    from {{ ref('int_flows__windows') }} as windows
    inner join {{ ref('int_flows__definitions') }} as definitions
        on windows.site_code = definitions.site_code and windows.flow_code = definitions.flow_code
    where windows.worker = {{ worker() }}
),

summed as (
    select
        flows.site_code,
        flows.flow_code,
        flows.energy_code,
        flows.timezone,
        flows.day_start,
        flows.meter_codes,
        flows.term_count,
        flows.negative_count,
        hours.hour_start,
        sum(terms.coefficient * hours.quantity) as quantity,
        sum(terms.coefficient * hours.estimated_quantity) as estimated_quantity,
        sum(hours.coverage) as coverage_sum,
        count(*) as known_count,
        count(*) filter (where terms.coefficient < 0) as known_negative_count,
        array_agg(terms.meter_code) filter (where flows.term_count > 1) as known_meters
    from flows
    inner join {{ ref('int_flows__terms') }} as terms
        on flows.site_code = terms.site_code and flows.flow_code = terms.flow_code
    inner join {{ ref('int_meters__hours') }} as hours
        on
            terms.site_code = hours.site_code
            and terms.meter_code = hours.meter_code
            and flows.starts_at <= hours.hour_start
            and flows.ends_at > hours.hour_start
    where hours.quantity is not null
    group by
        flows.site_code, flows.flow_code, flows.energy_code, flows.timezone, flows.day_start,
        flows.meter_codes, flows.term_count, flows.negative_count, hours.hour_start
),

judged as (
    select
        summed.site_code,
        summed.flow_code,
        summed.energy_code,
        summed.hour_start,
        summed.hour_start at time zone summed.timezone as hour_start_local,
        summed.day_start,
        summed.known_negative_count = summed.negative_count as is_computable,
        summed.quantity,
        summed.estimated_quantity,
        round(summed.coverage_sum / summed.term_count, 9) as coverage,
        case
            when summed.known_count < summed.term_count
                then array(
                    select meters.meter_code
                    from unnest(summed.meter_codes) as meters (meter_code)
                    where meters.meter_code <> all(summed.known_meters)
                    order by meters.meter_code
                )
            else '{}'::text[]
        end as missing_meters
    from summed
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
    (judged.hour_start_local - judged.day_start)::date as stat_date,
    judged.hour_start_local,
    judged.hour_start
from judged
left join {{ ref('int_energies__coefficients') }} as coefficients
    on
        judged.site_code = coefficients.site_code
        and judged.energy_code = coefficients.energy_code
        and judged.hour_start_local::date >= coefficients.valid_from
        and judged.hour_start_local::date < coefficients.valid_to
