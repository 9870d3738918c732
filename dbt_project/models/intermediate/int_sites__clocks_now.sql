-- One row per site: how it counts days, months and shifts.
select
    sites.site_code,
    sites.timezone,
    sites.day_start,
    sites.month_start_day,
    shifts.shifts
from {{ ref('stg_ledger__sites') }} as sites
left join (
    select
        site_code,
        string_agg(
            concat_ws(' ', shift_code, start_time, end_time, valid_from, valid_to), ',' order by shift_code, valid_from
        ) as shifts
    from {{ ref('stg_ledger__shifts') }}
    group by site_code
) as shifts on sites.site_code = shifts.site_code
