-- One row per node and energy that only passes through: on how many of the days computed anew input and output
-- do not meet.
with changed as materialized (
    select
        site_code,
        unnest(range_agg(daterange(starts_on, ends_on))) as days
    from ops.unjudged
    where kind = 'flow'
    group by site_code
)

select
    closure.site_code,
    closure.node_code,
    closure.energy_code,
    count(*) as days_judged,
    count(*) filter (where abs(closure.unaccounted_ratio) > $node_imbalance) as days_unbalanced,
    max(closure.stat_date) filter (where abs(closure.unaccounted_ratio) > $node_imbalance)::text as last_unbalanced_day,
    max(abs(closure.unaccounted_ratio)) as worst_ratio
from changed
inner join intermediate.int_nodes__closure_daily as closure
    on
        changed.site_code = closure.site_code
        and closure.stat_date >= lower(changed.days)
        and closure.stat_date < upper(changed.days)
-- Once more with constants, the one thing that reaches into a view of sums: else it would sum up every day there is.
where
    closure.stat_date >= (select min(lower(days)) from changed)
    and closure.stat_date < (select max(upper(days)) from changed)
group by closure.site_code, closure.node_code, closure.energy_code
