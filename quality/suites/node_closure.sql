-- One row per node and energy that only passes through: on how many days input and output do not meet.
select
    site_code,
    node_code,
    energy_code,
    count(*) as days_judged,
    count(*) filter (where abs(unaccounted_ratio) > $node_imbalance) as days_unbalanced,
    max(stat_date) filter (where abs(unaccounted_ratio) > $node_imbalance)::text as last_unbalanced_day,
    max(abs(unaccounted_ratio)) as worst_ratio
from intermediate.int_nodes__closure_daily
group by site_code, node_code, energy_code
