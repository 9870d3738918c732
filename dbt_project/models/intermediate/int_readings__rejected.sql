{{ config(
    materialized='fact',
    tags='meters',
    schema='quarantine',
    alias='rejected_by_rules',
    pre_hook="{{ delete_in_windows('read_at') }}",
) }}
-- The quarantine's part that depends on the set of readings: a verdict may be taken back, when the meter becomes
-- known or a revision comes. Row faults are out first; then the highest revision counts, two values of one
-- revision dispute each other, and what was found in the windows is told of the reading that counts there.
with windows as (
    select * from {{ ref('int_meters__windows') }}
    where worker = {{ worker() }}
),

found as (
    select
        hours.site_code,
        hours.meter_code,
        to_timestamp((finding.finding ->> 'at_us')::bigint / 1000000.0) as read_at,
        max(finding.finding ->> 'kind') as kind
    from windows
    inner join {{ ref('int_meters__hours') }} as hours
        on
            windows.site_code = hours.site_code
            and windows.meter_code = hours.meter_code
            and windows.emit_from_at <= hours.hour_start
            and windows.emit_to_at > hours.hour_start
    cross join lateral jsonb_array_elements(hours.findings) as finding (finding)
    where hours.findings is not null and finding.finding ->> 'kind' <> 'break'
    group by hours.site_code, hours.meter_code, finding.finding ->> 'at_us'
),

-- Instants at which a row can be refused: something was found, a row is faulty, or revisions meet.
suspects as (
    select site_code, meter_code, read_at from found
    union
    select readings.site_code, readings.meter_code, readings.read_at
    from windows
    inner join {{ ref('stg_raw__readings') }} as readings
        on
            windows.site_code = readings.site_code
            and windows.meter_code = readings.meter_code
            and windows.emit_from_at <= readings.read_at
            and windows.emit_to_at > readings.read_at
    where not windows.is_known or readings.quality = 'bad' or readings.is_future or readings.revision > 0
),

readings as (
    select
        readings.*,
        case
            when not exists (
                select 1 from {{ ref('int_meters__parts') }} as parts
                where parts.site_code = readings.site_code and parts.meter_code = readings.meter_code
            ) then 'unknown_meter'
            when readings.quality = 'bad' then 'bad_quality'
            when readings.is_future then 'future_stamp'
        end as row_fault
    from suspects
    inner join {{ ref('stg_raw__readings') }} as readings
        on
            suspects.site_code = readings.site_code
            and suspects.meter_code = readings.meter_code
            and suspects.read_at = readings.read_at
),

-- Of an instant the sound readings come first, the highest revision before the others; the frame holds
-- the readings of one revision.
compared as (
    select
        readings.*,
        rank() over of_instant as revision_rank,
        min(value) over of_instant as least_value,
        max(value) over of_instant as greatest_value,
        min((batch_id << 32) + line) over of_instant as first_copy
    from readings
    window of_instant as (
        partition by site_code, meter_code, read_at
        order by row_fault is not null, revision desc
        range between current row and current row
    )
),

refused as (
    select
        compared.*,
        case
            when compared.row_fault is not null then compared.row_fault
            when compared.least_value <> compared.greatest_value then 'disputed'
            when compared.revision_rank > 1 or (compared.batch_id << 32) + compared.line > compared.first_copy then null
            else found.kind
        end as reason_code
    from compared
    left join found
        on
            compared.site_code = found.site_code
            and compared.meter_code = found.meter_code
            and compared.read_at = found.read_at
)

select
    site_code,
    meter_code,
    read_at,
    revision,
    value,
    batch_id,
    line,
    case reason_code
        when 'unknown_meter' then 'meter_code'
        when 'bad_quality' then 'quality'
        when 'future_stamp' then 'read_at'
        else 'value'
    end as column_name,
    reason_code,
    case reason_code
        when 'unknown_meter' then '计量器具 ' || meter_code || ' 不在台账（meters）中；登记后自动生效'
        when 'bad_quality' then '采集系统标明该读数质量为 bad，不采用'
        when 'future_stamp' then '读数时刻晚于接收时刻 5 分钟以上；请校对采集器时钟后重传'
        when 'disputed' then '同一时刻同一修订号有不同的值，均不采用；请以更高的 revision 重传正确值'
        when 'negative' then '区间量或瞬时量为负；请核对接线方向和数据源'
        when 'above_max_per_hour' then '折算每小时用量超过台账 max_per_hour；请核对单位、倍率或上限'
        when 'outlier' then '与前一读数或后一读数的变化不可信，而前后两读数之间可信，判为跳变'
    end as reason,
    jsonb_build_object(
        'meter_code', meter_code, 'read_at', read_at, 'value', value, 'quality', quality, 'revision', revision
    ) as row
from refused
where reason_code is not null
