-- One row per site and month of a platform: how many of its meters held a valid verification or calibration at the end
-- of it, or today.
with months as (
    select
        months.site_code,
        months.stat_month,
        least((months.stat_month + interval '1 month')::date - 1, today.today) as day
    from ({{ months_of_platforms() }}) as months
    inner join {{ ref('int_sites__today') }} as today on months.site_code = today.site_code
)

select
    months.site_code,
    months.stat_month,
    count(*) as meter_count,
    count(*) filter (
        where
        (
            months.day >= newest.calibrated_on and months.day <= newest.due_date
            and newest.result is distinct from 'unqualified'
        )
        or exists (
            select 1 from {{ ref('stg_ledger__verifications') }} as records
            where
                records.site_code = meters.site_code
                and records.meter_code = meters.meter_code
                and months.day >= records.verified_on
                and months.day <= records.valid_to
                and records.result is distinct from 'unqualified'
        )
    ) as verified_count
from months
inner join {{ ref('stg_ledger__meters') }} as meters on months.site_code = meters.site_code
left join {{ ref('int_meters__calibrations') }} as newest
    on meters.site_code = newest.site_code and meters.meter_code = newest.meter_code
where meters.status is distinct from 'stopped'
group by months.site_code, months.stat_month
