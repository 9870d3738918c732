{#- The step of a counter between two readings; it returns to 0 at register_max (contract §2, register). -#}
{% macro register_step(from_value, to_value, register_max='register_max') -%}
    case
        when {{ to_value }} < {{ from_value }} then {{ to_value }} - {{ from_value }} + coalesce({{ register_max }}, 0)
        else {{ to_value }} - {{ from_value }}
    end
{%- endmacro %}

{#- Whether that step can be true (contract §2, register): not negative and, where max_per_hour is set, at
    most max_per_hour x hours / multiplier; a rolled-over step without it: less than register_max / 2.
    Written without division, so that a step exactly at the bound is judged exactly; and in the order in which most
    readings are done soonest, for it is asked three times of each. -#}
{% macro is_plausible_step(from_value, to_value, span_us, register_max='register_max', multiplier='multiplier') -%}
    case
        when {{ to_value }} >= {{ from_value }}
            then
                max_per_hour is null
                or ({{ to_value }} - {{ from_value }}) * {{ multiplier }} * 3600000000 <= max_per_hour * ({{ span_us }})
        when {{ to_value }} - {{ from_value }} + {{ register_max }} >= 0
            then case
                when max_per_hour is not null
                    then
                        ({{ to_value }} - {{ from_value }} + {{ register_max }}) * {{ multiplier }} * 3600000000
                        <= max_per_hour * ({{ span_us }})
                else ({{ to_value }} - {{ from_value }} + {{ register_max }}) * 2 < {{ register_max }}
            end
        else false
    end
{%- endmacro %}
