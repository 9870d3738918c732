{{ config(indexes=[
    {'columns': ['site_code', 'period_type', 'stat_date'], 'unique': true},
]) }}
-- One row per site, period type (day, week, month, quarter, year) and statistical day that anything is
-- known of: the period that holds the day. Weeks start on Monday; quarters and years are built of the site's own months.
with sites as (
    select * from {{ ref('stg_ledger__sites') }}
),

dated as (
    select site_code, stat_date from {{ ref('int_sites__hours') }}
    union
    select site_code, date as stat_date from {{ ref('int_erp__documents') }}
),

days as (
    select
        sites.site_code,
        sites.timezone,
        sites.day_start,
        sites.month_start_day,
        dated.stat_date,
        {{ stat_month('dated.stat_date', 'sites.month_start_day') }} as stat_month
    from sites
    inner join dated on sites.site_code = dated.site_code
),

starts as (
    select
        days.*,
        periods.period_type,
        periods.first_date,
        periods.after_date
    from days
    cross join lateral (
        values
        ('day', days.stat_date, days.stat_date + 1),
        ('week', date_trunc('week', days.stat_date)::date, date_trunc('week', days.stat_date)::date + 7),
        (
            'month',
            {{ month_first_date('stat_month', 'month_start_day') }},
            {{ month_first_date("(stat_month + interval '1 month')", 'month_start_day') }}
        ),
        (
            'quarter',
            {{ month_first_date("date_trunc('quarter', stat_month)", 'month_start_day') }},
            {{ month_first_date("(date_trunc('quarter', stat_month) + interval '3 months')", 'month_start_day') }}
        ),
        (
            'year',
            {{ month_first_date("date_trunc('year', stat_month)", 'month_start_day') }},
            {{ month_first_date("(date_trunc('year', stat_month) + interval '1 year')", 'month_start_day') }}
        )
    ) as periods (period_type, first_date, after_date)
)

select
    site_code,
    period_type,
    stat_date,
    stat_month,
    first_date,
    after_date,
    (first_date + day_start) at time zone timezone as starts_at,
    -- In hours, since a day need not have 24 of them where clocks change.
    round(
        extract(
            epoch from
            (after_date + day_start) at time zone timezone - (first_date + day_start) at time zone timezone
        ) / 3600, 9
    ) as period_hours
from starts
