{{ config(
    materialized='incremental',
    incremental_strategy='append',
    schema='quarantine',
    alias='rejected_by_rules',
    full_refresh=false,
    pre_hook="delete from {{ this }}",
) }}
-- The quarantine's part that depends on the set of readings. The table is the migration's, written in
-- place at every build: a verdict may be taken back, when the meter becomes known or a revision comes.
select
    readings.site_code,
    readings.meter_code,
    readings.read_at,
    readings.revision,
    readings.value,
    readings.batch_id,
    readings.line,
    case readings.verdict
        when 'unknown_meter' then 'meter_code'
        when 'bad_quality' then 'quality'
        when 'future_stamp' then 'read_at'
        else 'value'
    end as column_name,
    readings.verdict as reason_code,
    case readings.verdict
        when 'unknown_meter' then '计量器具 ' || readings.meter_code || ' 不在台账（meters）中；登记后自动生效'
        when 'bad_quality' then '采集系统标明该读数质量为 bad，不采用'
        when 'future_stamp' then '读数时刻晚于接收时刻 5 分钟以上；请校对采集器时钟后重传'
        when 'disputed' then '同一时刻同一修订号有不同的值，均不采用；请以更高的 revision 重传正确值'
        when 'negative' then '区间量或瞬时量为负；请核对接线方向和数据源'
        when 'above_max_per_hour' then '折算每小时用量超过台账 max_per_hour；请核对单位、倍率或上限'
        when 'outlier' then '与前一读数或后一读数的变化不可信，而前后两读数之间可信，判为跳变'
    end as reason,
    jsonb_build_object(
        'meter_code', readings.meter_code, 'read_at', readings.read_at, 'value', readings.value,
        'quality', readings.quality, 'revision', readings.revision
    ) as row
from {{ ref('int_readings__judged') }} as readings
where readings.verdict not in ('accepted', 'superseded', 'repeated')
