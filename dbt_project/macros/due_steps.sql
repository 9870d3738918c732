{#- How near a due date is, in the steps that remind (60, 30, 7 days, overdue). The due date itself is still good. -#}
{% macro due_step(days_left) -%}
    case
        when {{ days_left }} is null then 'unknown'
        when {{ days_left }} < 0 then 'overdue'
        when {{ days_left }} <= 7 then '7'
        when {{ days_left }} <= 30 then '30'
        when {{ days_left }} <= 60 then '60'
        else 'later'
    end
{%- endmacro %}
