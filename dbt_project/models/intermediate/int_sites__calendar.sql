-- One row per site, period type (day, week, month, quarter, year) and statistical day that anything is
-- known of: the period that holds the day.
select
    dates.site_code,
    periods.period_type,
    dates.stat_date,
    {{ stat_month('dates.stat_date', 'clocks.month_start_day') }} as stat_month,
    periods.first_date,
    periods.after_date,
    (periods.first_date + clocks.day_start) at time zone clocks.timezone as starts_at,
    {{ hours_between('periods.first_date', 'periods.after_date') }} as period_hours
from {{ ref('int_sites__dates') }} as dates
inner join {{ ref('int_sites__clocks') }} as clocks on dates.site_code = clocks.site_code
cross join lateral (
    values
    ('day', dates.stat_date, dates.stat_date + 1),
    {% for period_type in ('week', 'month', 'quarter', 'year') -%}
        (
            '{{ period_type }}',
            {{ first_date_of(period_type, 'dates.stat_date', 'clocks.month_start_day') }},
            {{ after_date_of(period_type, 'dates.stat_date', 'clocks.month_start_day') }}
        ){{ ',' if not loop.last }}
    {%- endfor %}
) as periods (period_type, first_date, after_date)
