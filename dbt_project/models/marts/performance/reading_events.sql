{{ config(indexes=[{'columns': ['site_code', 'event_at']}]) }}
select
    site_code,
    meter_code,
    kind,
    message,
    event_at
from (
    select
        site_code,
        meter_code,
        'break' as kind,
        '读数由 ' || trim_scale(from_value) || ' 到 ' || trim_scale(to_value)
        || ' 的变化不可信，其间用量未知，此后从新读数起计' as message,
        to_timestamp(to_us / 1000000.0) as event_at
    from {{ ref('int_registers__steps') }}
    where not is_plausible
    union all
    select
        site_code,
        meter_code,
        verdict as kind,
        case verdict
            when 'disputed'
                then '同一时刻同一修订号有不同的值：' || string_agg(distinct trim_scale(value)::text, '、')
            when 'outlier' then '读数 ' || string_agg(distinct trim_scale(value)::text, '、') || ' 与前后读数都不相容'
        end as message,
        read_at as event_at
    from {{ ref('int_readings__judged') }}
    where verdict in ('disputed', 'outlier')
    group by site_code, meter_code, verdict, read_at, revision
) as events
