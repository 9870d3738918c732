-- One row per uploaded item and statistical year of which anything is known: the sum of its months, whether or not they
-- are uploaded themselves.
select
    {{ item_columns() }},
    years.stat_date,
    sums.amount,
    sums.coverage,
    sums.is_closed,
    years.first_date,
    years.ends_at
from {{ ref('int_uploads__items') }} as items
inner join {{ ref('int_uploads__periods') }} as years on items.site_code = years.site_code and years.stat_type = 3
cross join lateral (
    select
        sum(months.amount) as amount,
        round(least(sum(months.coverage * periods.period_hours) / years.period_hours, 1), 9) as coverage,
        bool_and(months.is_closed) and count(*) = 12 as is_closed
    from {{ ref('int_uploads__periods') }} as periods
    cross join lateral {{ month_sums() }} as months
    where
        periods.site_code = items.site_code
        and periods.stat_type = 2
        and periods.stat_date >= years.stat_date
        and periods.stat_date < years.stat_date + interval '1 year'
        and coalesce(periods.first_date < items.retired_on, true)
    having count(*) > 0
) as sums
where
    items.source in ('terms', 'site')
    and 3 = any(items.stat_types)
    and coalesce(years.first_date < items.retired_on, true)
