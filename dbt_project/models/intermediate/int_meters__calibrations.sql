-- One row per meter: its newest calibration, from the records or from the meter's own columns, whichever is newer,
-- and until when it holds. The due date is the last day on which it holds: the certificate's, or the one before the
-- cycle is over (docs/decisions/0013).
with records as (
    select distinct on (verifications.site_code, verifications.meter_code)
        verifications.site_code,
        verifications.meter_code,
        verifications.verified_on,
        verifications.organisation,
        verifications.certificate_no,
        verifications.result,
        verifications.valid_to
    from {{ ref('stg_ledger__verifications') }} as verifications
    inner join {{ ref('int_sites__today') }} as clocks on verifications.site_code = clocks.site_code
    where verifications.verified_on <= clocks.today and {{ in_use_today('verifications') }}
    -- Of several on one day the worst result counts: a certificate does not undo another.
    order by
        verifications.site_code asc,
        verifications.meter_code asc,
        verifications.verified_on desc,
        case verifications.result when 'unqualified' then 1 when 'restricted' then 2 when 'qualified' then 3 else 4 end asc,
        verifications.valid_to asc nulls last,
        verifications.kind desc
),

newest as (
    select
        meters.site_code,
        meters.meter_code,
        coalesce(records.verified_on >= coalesce(meters.last_calibrated_on, '-infinity'), false) as is_record,
        records.verified_on = meters.last_calibrated_on as is_same_day,
        meters.calibration_cycle_months as cycle_months,
        meters.last_calibrated_on,
        meters.next_calibration_on,
        meters.calibration_org,
        records.verified_on,
        records.organisation,
        records.certificate_no,
        records.result,
        records.valid_to
    from {{ ref('stg_ledger__meters') }} as meters
    left join records on meters.site_code = records.site_code and meters.meter_code = records.meter_code
),

dated as (
    select
        site_code,
        meter_code,
        is_record,
        cycle_months,
        case when is_record then certificate_no end as certificate_no,
        case when is_record then coalesce(organisation, calibration_org) else calibration_org end as organisation,
        case when is_record then result end as result,
        case when is_record then verified_on else last_calibrated_on end as calibrated_on,
        case
            -- One that failed holds no longer, whatever is written on it.
            when is_record and result = 'unqualified' then verified_on
            when is_record and valid_to is not null then valid_to
            when not is_record or is_same_day then next_calibration_on
        end as stated_due_date
    from newest
)

select
    site_code,
    meter_code,
    case when is_record then 'verification' when calibrated_on is not null or stated_due_date is not null then 'meter' end
    as source,
    certificate_no,
    organisation,
    result,
    cycle_months,
    calibrated_on,
    coalesce(
        stated_due_date,
        (
            calibrated_on
            + make_interval(
                months => trunc(cycle_months)::integer,
                days => round((cycle_months - trunc(cycle_months)) * 30)::integer - 1
            )
        )::date
    ) as due_date
from dated
