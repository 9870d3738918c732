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

-- Flow by flow, so that nothing is sorted but one flow's hours (decision 0009).
summed as (
    select
        flows.*,
        hours.hour_start,
        hours.hour_start_local,
        hours.quantity,
        hours.estimated_quantity,
        hours.coverage_sum,
        hours.known_count,
        hours.known_negative_count,
        hours.known_meters
    from flows
    cross join lateral (
        select
            known.site_code,
            known.hour_start,
            -- Here, and worked out once: further out it would be for each of its uses.
            known.hour_start at time zone flows.timezone as hour_start_local,
            sum(terms.coefficient * known.quantity) as quantity,
            sum(terms.coefficient * known.estimated_quantity) as estimated_quantity,
            sum(known.coverage) as coverage_sum,
            count(*) as known_count,
            count(*) filter (where terms.coefficient < 0) as known_negative_count,
            array_agg(terms.meter_code) filter (where flows.term_count > 1) as known_meters
        from {{ ref('int_flows__terms') }} as terms
        inner join {{ ref('int_meters__hours') }} as known
            on
                terms.site_code = known.site_code
                and terms.meter_code = known.meter_code
                and flows.starts_at <= known.hour_start
                and flows.ends_at > known.hour_start
        where
            terms.site_code = flows.site_code
            and terms.flow_code = flows.flow_code
            and known.quantity is not null
        group by known.site_code, known.hour_start
    ) as hours
),

judged as (
    select
        summed.site_code,
        summed.flow_code,
        summed.energy_code,
        summed.hour_start,
        summed.hour_start_local,
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
    case when judged.is_computable then {{ tce('judged.quantity', 'coefficients.kgce_per_unit') }} end as tce_equivalent,
    case when judged.is_computable then {{ tce('judged.quantity', 'coefficients.kgce_per_unit_equal') }} end as tce_equal,
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
