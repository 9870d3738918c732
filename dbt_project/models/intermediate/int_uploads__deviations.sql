-- One row per platform, item and month of whose days some are in the outbox too: how far their sum is from the month. Of
-- figures that add up only: a ratio's days have no sum. Of the month in which the platform begins only a part of the days
-- is answered for, so it is not compared.
select
    months.site_code,
    months.destination,
    months.data_code,
    months.stat_date::date as stat_month,
    days.day_sum,
    months.value as month_value,
    round(abs(days.day_sum - months.value) / nullif(abs(months.value), 0), 9) as deviation
from {{ ref('stg_ops__upload_outbox') }} as months
inner join {{ ref('int_uploads__platforms') }} as platforms
    on months.site_code = platforms.site_code and months.destination = platforms.destination
cross join lateral (
    select sum(days.value) as day_sum
    from {{ ref('stg_ops__upload_outbox') }} as days
    where
        days.site_code = months.site_code
        and days.destination = months.destination
        and days.data_code = months.data_code
        and days.stat_type = 1
        and days.stat_date >= {{ month_first_date('months.stat_date', 'platforms.month_start_day') }}
        and days.stat_date < {{ month_first_date("(months.stat_date + interval '1 month')", 'platforms.month_start_day') }}
    having count(*) > 0
) as days
where
    months.stat_type = 2
    and {{ month_first_date('months.stat_date', 'platforms.month_start_day') }} >= platforms.begins_on
    and not exists (
        select 1 from {{ ref('stg_ledger__upload_items') }} as items
        where
            items.site_code = months.site_code
            and items.data_code = months.data_code
            and items.figure in ('unit_consumption', 'output_value_consumption')
    )
