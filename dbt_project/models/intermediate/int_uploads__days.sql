-- One row per uploaded item and statistical day of which anything is known: its energy, where it has any.
select
    {{ item_columns() }},
    periods.stat_date,
    sums.amount,
    sums.coverage,
    false as is_closed,
    periods.first_date,
    periods.ends_at
from {{ ref('int_uploads__items') }} as items
inner join {{ ref('int_uploads__periods') }} as periods on items.site_code = periods.site_code and periods.stat_type = 1
cross join lateral (
    select known.amount, known.coverage
    from {{ term_sums("(
        select " ~ measured('days') ~ " as amount, days.coverage
        from " ~ ref('fct_energy_daily') ~ " as days
        where
            terms.kind = 'flow'
            and days.site_code = terms.site_code
            and days.flow_code = terms.code
            and days.stat_date = periods.first_date
            and days.quantity is not null
        union all
        " ~ meter_over_period() ~ "
    )") }} as known
    where items.source = 'terms' and items.negative_count = 0
    union all
    select known.amount, known.coverage
    from {{ term_sums_by_hours('periods.starts_at', 'periods.ends_at') }} as known
    where items.source = 'terms' and items.negative_count > 0
    union all
    -- What crossed the site's boundary. What its stock gave in a day nobody knows, so a site that keeps any has no such
    -- day; an energy of which nothing is known that day leaves none either.
    select sum(intake.tce_equivalent) as amount, min(coalesce(intake.coverage, 1)) as coverage
    from {{ ref('comprehensive_energy_composition') }} as composition
    left join {{ ref('int_energies__intake') }} as intake
        on
            composition.site_code = intake.site_code
            and composition.energy_code = intake.energy_code
            and intake.period_type = 'day'
            and intake.period_start = periods.first_date::timestamp
            and composition.component = 'purchase'
    inner join {{ ref('int_sites__clocks') }} as clocks on composition.site_code = clocks.site_code
    where
        items.source = 'site'
        and composition.site_code = items.site_code
        and composition.period_type = 'month'
        and composition.period_start = ({{ first_date_of('month', 'periods.first_date', 'clocks.month_start_day') }})::timestamp
        and composition.is_counted
        and composition.component in ('purchase', 'stock_draw')
    having count(*) > 0 and count(intake.tce_equivalent) = count(*)
) as sums
where
    items.source in ('terms', 'site')
    and {{ is_in_use(1) }}
