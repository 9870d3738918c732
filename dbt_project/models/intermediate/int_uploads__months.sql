-- One row per uploaded item and statistical month of which anything is known: its energy, where it has any.
select
    {{ item_columns() }},
    periods.stat_date,
    sums.amount,
    sums.coverage,
    sums.is_closed,
    periods.first_date,
    periods.ends_at
from {{ ref('int_uploads__items') }} as items
inner join {{ ref('int_uploads__periods') }} as periods on items.site_code = periods.site_code and periods.stat_type = 2
cross join lateral {{ month_sums() }} as sums
where
    items.source in ('terms', 'site')
    and {{ is_in_use(2) }}
