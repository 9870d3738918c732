{#- The site's statistical month of a statistical day (contract §3, periods): with month_start_day 26,
    November runs from 26 October. Named by its first calendar day: 2026-11-01. -#}
{% macro stat_month(stat_date, month_start_day) -%}
    (date_trunc('month', {{ stat_date }}) + case
        when {{ month_start_day }} > 1 and extract(day from {{ stat_date }}) >= {{ month_start_day }}
            then interval '1 month'
        else interval '0'
    end)::date
{%- endmacro %}

{#- The first statistical day of the period that begins with that statistical month. -#}
{% macro month_first_date(stat_month, month_start_day) -%}
    case
        when {{ month_start_day }} > 1
            then ({{ stat_month }} - interval '1 month')::date + {{ month_start_day }} - 1
        else ({{ stat_month }})::date
    end
{%- endmacro %}

{#- The first statistical day of the period (week, month, quarter, year) that holds a statistical day. Weeks
    start on Monday; quarters and years are built of the site's own months. -#}
{% macro first_date_of(period_type, stat_date, month_start_day) -%}
    {%- if period_type == 'week' -%}
        date_trunc('week', {{ stat_date }})::date
    {%- else -%}
        {{ month_first_date(
            "date_trunc('" ~ period_type ~ "', " ~ stat_month(stat_date, month_start_day) ~ ")", month_start_day
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- The first day after that period. -#}
{% macro after_date_of(period_type, stat_date, month_start_day) -%}
    {%- set lengths = {'month': '1 month', 'quarter': '3 months', 'year': '1 year'} -%}
    {%- if period_type == 'week' -%}
        date_trunc('week', {{ stat_date }})::date + 7
    {%- else -%}
        {{ month_first_date(
            "(date_trunc('" ~ period_type ~ "', " ~ stat_month(stat_date, month_start_day)
            ~ ") + interval '" ~ lengths[period_type] ~ "')", month_start_day
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- Hours from the start of one statistical day to the start of another; a day need not have 24 of them where
    clocks change. Reads timezone and day_start of the relation it stands in. -#}
{% macro hours_between(first_date, after_date) -%}
    round(
        extract(
            epoch from
            ({{ after_date }} + day_start) at time zone timezone - ({{ first_date }} + day_start) at time zone timezone
        ) / 3600, 9
    )
{%- endmacro %}
