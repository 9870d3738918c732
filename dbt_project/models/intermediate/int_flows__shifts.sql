-- One row per flow and shift: the hours it holds, an hour on its edge by share.
with shift_hours as (
    select
        hours.*,
        shifts.shift_code,
        shifts.share,
        shifts.shift_hours,
        shifts.starts_local,
        shifts.starts_at
    from {{ ref('fct_energy_hourly') }} as hours
    inner join {{ ref('int_sites__shift_hours') }} as shifts
        on hours.site_code = shifts.site_code and hours.hour_start = shifts.hour_start
)

select
    site_code,
    flow_code,
    energy_code,
    shift_code,
    starts_local,
    starts_at,
    {{ energy_sums('share') }},
    {{ energy_sum_reasons() }},
    round(
        least(sum(case when quantity is not null then coverage * share else 0 end) / shift_hours, 1), 9
    ) as coverage
from shift_hours
group by site_code, flow_code, energy_code, shift_code, starts_local, starts_at, shift_hours
