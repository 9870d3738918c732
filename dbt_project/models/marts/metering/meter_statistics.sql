with sums as (
    select
        site_code,
        jjf1051_code,
        min(jjf1051_name) as jjf1051_name,
        min(jjf1051_state) as jjf1051_state,
        count(*)::integer as meter_count,
        count(*) filter (where status = 'normal')::integer as normal_count,
        count(*) filter (where status = 'faulty')::integer as faulty_count,
        count(*) filter (where status = 'stopped')::integer as stopped_count,
        count(*) filter (where status is null)::integer as unknown_status_count,
        count(*) filter (where is_automatic)::integer as automatic_count,
        count(*) filter (where is_collected)::integer as collected_count,
        count(*) filter (where calibration_state in ('valid', 'restricted'))::integer as calibrated_count,
        count(*) filter (where calibration_state in ('expired', 'unqualified'))::integer as overdue_count,
        count(*) filter (where calibration_state = 'unknown')::integer as unknown_calibration_count
    from {{ ref('meter_status') }}
    group by site_code, jjf1051_code
)

select
    site_code,
    jjf1051_code,
    jjf1051_name,
    jjf1051_state,
    meter_count,
    normal_count,
    faulty_count,
    stopped_count,
    unknown_status_count,
    automatic_count,
    collected_count,
    calibrated_count,
    overdue_count,
    unknown_calibration_count,
    -- Of the meters in use: a stopped one neither collects nor needs a calibration.
    round(collected_count::numeric / nullif(meter_count - stopped_count, 0), 9) as collected_ratio,
    round(calibrated_count::numeric / nullif(meter_count - stopped_count, 0), 9) as calibrated_ratio
from sums
