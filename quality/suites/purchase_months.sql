-- One row per site, energy and month computed anew of which both the meters' and the ERP's purchases are known.
with changed as materialized (
    select
        site_code,
        unnest(range_agg(daterange(starts_on, ends_on))) as days
    from ops.unjudged
    where kind = 'flow'
    group by site_code
),

booked as (
    select
        documents.site_code,
        documents.energy_code,
        calendar.first_date::timestamp as period_start,
        sum(documents.quantity) as booked_quantity
    from intermediate.int_erp__documents as documents
    inner join intermediate.int_sites__calendar as calendar
        on
            documents.site_code = calendar.site_code
            and documents.date = calendar.stat_date
            and calendar.period_type = 'month'
    where documents.kind = 'purchase'
    group by documents.site_code, documents.energy_code, calendar.first_date
)

select
    booked.site_code,
    booked.energy_code,
    to_char(booked.period_start, 'YYYY-MM-DD') as month,
    round(booked.booked_quantity, 3) as booked_quantity,
    round(metered.purchase_quantity, 3) as metered_quantity,
    round(
        abs(metered.purchase_quantity - booked.booked_quantity) / nullif(booked.booked_quantity, 0), 4
    ) as deviation
from booked
inner join marts.performance_by_type as metered
    on
        booked.site_code = metered.site_code
        and booked.energy_code = metered.energy_code
        and booked.period_start = metered.period_start
        and metered.period_type = 'month'
        and metered.source = 'metered'
-- A month that is still running, or has gaps, compares with nothing.
where
    metered.coverage >= $completeness
    and exists (
        select 1 from changed
        where
            changed.site_code = booked.site_code
            and booked.period_start < upper(changed.days)
            and booked.period_start > lower(changed.days) - 31
    )
