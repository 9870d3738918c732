-- One row per meter: what its calibration is worth today. A stopped meter needs none; one that failed has none.
with judged as (
    select
        meters.site_code,
        meters.meter_code,
        {{ status_today() }} as status,
        calibrations.source,
        calibrations.certificate_no,
        calibrations.organisation,
        calibrations.result,
        calibrations.cycle_months,
        calibrations.calibrated_on,
        calibrations.due_date,
        calibrations.due_date - clocks.today as days_left
    from {{ ref('stg_ledger__meters') }} as meters
    inner join {{ ref('int_sites__today') }} as clocks on meters.site_code = clocks.site_code
    inner join {{ ref('int_meters__calibrations') }} as calibrations
        on meters.site_code = calibrations.site_code and meters.meter_code = calibrations.meter_code
)

select
    site_code,
    meter_code,
    status,
    source,
    certificate_no,
    organisation,
    cycle_months,
    calibrated_on,
    due_date,
    days_left,
    case
        when status = 'stopped' then 'not_needed'
        when result = 'unqualified' then 'unqualified'
        when days_left < 0 then 'expired'
        when days_left is null then 'unknown'
        when result = 'restricted' then 'restricted'
        else 'valid'
    end as calibration_state,
    case
        when status = 'stopped' then null
        when result = 'unqualified' then '最近一次检定/校准不合格'
        when days_left < 0 then '已超过有效期 ' || -days_left || ' 天'
        when days_left is not null then null
        when calibrated_on is null then '没有检定/校准记录，也没有下次检定日期'
        else '最近一次检定/校准没有有效期，台账也没有检定周期'
    end as calibration_reason
from judged
