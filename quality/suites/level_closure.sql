-- One row per site and energy: on how many of the days computed anew and metered in full a finer level adds up
-- to more than the coarser one (sub-meters against the main meter).
with changed as materialized (
    select
        site_code,
        unnest(range_agg(daterange(starts_on, ends_on))) as days
    from ops.unjudged
    where kind = 'flow'
    group by site_code
)

select
    site_code,
    energy_code,
    count(*) as days_judged,
    count(*) filter (where is_unbalanced) as days_unbalanced,
    max(stat_date) filter (where is_unbalanced)::text as last_unbalanced_day
from (
    select
        closure.site_code,
        closure.energy_code,
        closure.stat_date,
        coalesce(closure.level_2_quantity > closure.level_1_quantity * (1 + $level_imbalance), false)
        or coalesce(closure.level_3_quantity > closure.level_2_quantity * (1 + $level_imbalance), false) as is_unbalanced
    from changed
    inner join intermediate.int_levels__closure_daily as closure
        on
            changed.site_code = closure.site_code
            and closure.stat_date >= lower(changed.days)
            and closure.stat_date < upper(changed.days)
    -- Once more with constants, the one thing that reaches into a view of sums: else it would sum up every day there is.
    where
        closure.stat_date >= (select min(lower(days)) from changed)
        and closure.stat_date < (select max(upper(days)) from changed)
        and closure.least_coverage = 1
) as days
group by site_code, energy_code
