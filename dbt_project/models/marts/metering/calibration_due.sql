select
    meters.site_code,
    meters.meter_code,
    meters.name,
    meters.energy_code,
    coalesce(meters.org_code, equipment.org_code) as org_code,
    meters.level,
    meters.grade,
    meters.location,
    states.status,
    states.organisation as calibration_org,
    states.source as calibration_source,
    states.certificate_no,
    states.calibration_state,
    case
        when states.calibration_state = 'unqualified' then 'overdue'
        else {{ due_step('states.days_left') }}
    end as due_step,
    states.calibration_reason,
    meters.uncalibrated_reason,
    states.cycle_months,
    states.days_left,
    states.calibrated_on,
    states.due_date
from {{ ref('stg_ledger__meters') }} as meters
inner join {{ ref('int_meters__calibration_states') }} as states
    on meters.site_code = states.site_code and meters.meter_code = states.meter_code
left join {{ ref('stg_ledger__equipment') }} as equipment
    on meters.site_code = equipment.site_code and meters.equipment_code = equipment.equipment_code
where states.calibration_state <> 'not_needed'
