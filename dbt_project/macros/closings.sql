{#- The closing whose figures are being written: `nengduan period close` names it by the variable closing_id;
    in every other build there is none, and the tables of closed figures stay as they are. -#}
{% macro closing_in_course() -%}
    select * from {{ ref('stg_ops__period_closings') }}
    where not is_sealed and closing_id = {{ var('closing_id', 0) | int }}
{%- endmacro %}

{#- An instant for people, on the site's own clock. -#}
{% macro told_at(instant, timezone) -%}
    to_char({{ instant }} at time zone {{ timezone }}, 'YYYY-MM-DD HH24:MI')
{%- endmacro %}

{#- Whether any of these columns differs between two relations, null being a value like another. -#}
{% macro any_differs(left, right, columns) -%}
    (
        {%- for column in columns %}
        {{ left ~ column }} is distinct from {{ right ~ column }}{{ ' or' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
