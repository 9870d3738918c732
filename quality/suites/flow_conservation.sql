-- One row per flow: what its hours, its days and its months add up to.
with totals as (
    select
        site_code,
        flow_code,
        sum(hour_quantity) as hour_quantity,
        sum(day_quantity) as day_quantity,
        sum(month_quantity) as month_quantity
    from (
        select
            site_code,
            flow_code,
            quantity as hour_quantity,
            0 as day_quantity,
            0 as month_quantity
        from marts.fct_energy_hourly
        union all
        select
            site_code,
            flow_code,
            0,
            quantity,
            0
        from marts.fct_energy_daily
        union all
        select
            site_code,
            flow_code,
            0,
            0,
            quantity
        from marts.fct_energy_monthly
    ) as figures
    group by site_code, flow_code
)

select
    site_code,
    flow_code,
    coalesce(hour_quantity, 0) as hour_quantity,
    coalesce(day_quantity, 0) as day_quantity,
    coalesce(month_quantity, 0) as month_quantity,
    coalesce(day_quantity, 0) - coalesce(hour_quantity, 0) as day_difference,
    coalesce(month_quantity, 0) - coalesce(day_quantity, 0) as month_difference
from totals
