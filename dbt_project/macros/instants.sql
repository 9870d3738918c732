{#- Microseconds since 1970: bigint compares and subtracts several times faster than timestamptz. Exact, since
    a double holds the seconds of any date to a quarter of a microsecond before they are rounded. -#}
{% macro microseconds(instant) -%}
    round(date_part('epoch', {{ instant }}) * 1000000)::bigint
{%- endmacro %}

{#- The number of the hour that holds an instant. Integer division rounds towards zero, so it is done above
    zero: 20 million hours reach back to before the year 0001. -#}
{% macro hour_number(microseconds) -%}
    (({{ microseconds }} + 72000000000000000) / 3600000000 - 20000000)
{%- endmacro %}
