-- One row per site and energy: on how many fully metered days a finer level adds up to more than the coarser
-- one (sub-meters against the main meter).
select
    site_code,
    energy_code,
    count(*) as days_judged,
    count(*) filter (where is_unbalanced) as days_unbalanced,
    max(stat_date) filter (where is_unbalanced)::text as last_unbalanced_day
from (
    select
        site_code,
        energy_code,
        stat_date,
        coalesce(level_2_quantity > level_1_quantity * (1 + $level_imbalance), false)
        or coalesce(level_3_quantity > level_2_quantity * (1 + $level_imbalance), false) as is_unbalanced
    from intermediate.int_levels__closure_daily
    where least_coverage = 1
) as days
group by site_code, energy_code
