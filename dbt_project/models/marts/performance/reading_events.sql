{{ config(
    materialized='fact',
    tags='meters',
    indexes=[{'columns': ['site_code', 'event_at']}, {'columns': ['site_code', 'meter_code', 'event_at']}],
    pre_hook="{{ delete_in_windows('event_at') }}",
) }}
with windows as (
    select * from {{ ref('int_meters__windows') }}
    where worker = {{ worker() }}
)

select
    hours.site_code,
    hours.meter_code,
    'break' as kind,
    '读数由 ' || trim_scale((finding.finding ->> 'from_value')::numeric) || ' 到 '
    || trim_scale((finding.finding ->> 'value')::numeric) || ' 的变化不可信，其间用量未知，此后从新读数起计' as message,
    to_timestamp((finding.finding ->> 'at_us')::bigint / 1000000.0) as event_at
from windows
inner join {{ ref('int_meters__hours') }} as hours
    on
        windows.site_code = hours.site_code
        and windows.meter_code = hours.meter_code
        and windows.emit_from_at <= hours.hour_start
        and windows.emit_to_at > hours.hour_start
cross join lateral jsonb_array_elements(hours.findings) as finding (finding)
where hours.findings is not null and finding.finding ->> 'kind' = 'break'
union all
select
    rejected.site_code,
    rejected.meter_code,
    rejected.reason_code as kind,
    case rejected.reason_code
        when 'disputed'
            then '同一时刻同一修订号有不同的值：' || string_agg(distinct trim_scale(rejected.value)::text, '、')
        when 'outlier'
            then '读数 ' || string_agg(distinct trim_scale(rejected.value)::text, '、') || ' 与前后读数都不相容'
    end as message,
    rejected.read_at as event_at
from windows
inner join {{ ref('int_readings__rejected') }} as rejected
    on
        windows.site_code = rejected.site_code
        and windows.meter_code = rejected.meter_code
        and windows.emit_from_at <= rejected.read_at
        and windows.emit_to_at > rejected.read_at
where rejected.reason_code in ('disputed', 'outlier')
group by rejected.site_code, rejected.meter_code, rejected.reason_code, rejected.read_at, rejected.revision
