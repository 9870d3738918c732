-- One row per batch, product, unit and month for which both daily and monthly production is reported: by this
-- batch, or by it and what counted before. Of a period reported again, the newest batch counts.
with rows_of_months as (
    select
        production.*,
        dense_rank() over (
            partition by
                production.site_code, production.product_code, production.org_code,
                production.period_start, production.period_end
            order by production.batch_id desc
        ) as age
    from raw.production as production
    inner join ops.batches as batches on production.batch_id = batches.batch_id
    where batches.status = 'accepted' or batches.batch_id in ($batch_ids)
),

months as (
    select
        site_code,
        product_code,
        org_code,
        period_start,
        period_end,
        sum(quantity) as quantity,
        max(batch_id) as batch_id
    from rows_of_months
    where age = 1 and period_end - period_start between 28 and 31
    group by site_code, product_code, org_code, period_start, period_end
),

compared as (
    select
        months.site_code,
        months.product_code,
        months.period_start,
        months.quantity as month_quantity,
        sum(days.quantity) as days_quantity,
        greatest(months.batch_id, max(days.batch_id)) as batch_id
    from months
    inner join rows_of_months as days
        on
            months.site_code = days.site_code
            and months.product_code = days.product_code
            and months.org_code is not distinct from days.org_code
            and days.period_start >= months.period_start
            and days.period_end <= months.period_end
            and days.period_end - days.period_start = 1
    where days.age = 1
    group by
        months.site_code, months.product_code, months.org_code, months.period_start, months.period_end,
        months.quantity, months.batch_id
    -- Days that are still to come are no deviation.
    having count(distinct days.period_start) = months.period_end - months.period_start
)

select
    compared.batch_id,
    compared.site_code,
    batches.file,
    compared.product_code,
    to_char(compared.period_start, 'YYYY-MM-DD') as month,
    compared.month_quantity,
    compared.days_quantity,
    round(
        abs(compared.days_quantity - compared.month_quantity) / nullif(abs(compared.month_quantity), 0), 4
    ) as deviation
from compared
inner join ops.batches as batches on compared.batch_id = batches.batch_id
where compared.batch_id in ($batch_ids)
