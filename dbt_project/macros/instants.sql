{#- Microseconds since 1970: bigint compares and subtracts several times faster than timestamptz. Exact, since
    a double holds the seconds of any date to a quarter of a microsecond before they are rounded. -#}
{% macro microseconds(instant) -%}
    round(date_part('epoch', {{ instant }}) * 1000000)::bigint
{%- endmacro %}

{#- The number of the unit (of time, in microseconds) that holds an instant. Integer division rounds towards zero, so
    it is done above zero: what is added reaches back to before the year 0001, and holds whole quarters of an hour. -#}
{% macro unit_number(microseconds, unit_us) -%}
    (({{ microseconds }} + 72000000000000000) / {{ unit_us }} - {{ 72000000000000000 // unit_us }})
{%- endmacro %}

{% macro hour_number(microseconds) -%}
    {{ unit_number(microseconds, 3600000000) }}
{%- endmacro %}
