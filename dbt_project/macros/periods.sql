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
