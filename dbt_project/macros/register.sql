{#- What a counter went on by between two readings that differ by `step`; it returns to 0 at register_max (contract §2,
    register). -#}
{% macro register_step(step='step', register_max='register_max') -%}
    case
        when {{ step }} < 0 then {{ step }} + coalesce({{ register_max }}, 0)
        else {{ step }}
    end
{%- endmacro %}

{#- Whether that step can be true (contract §2, register): not negative and, where max_per_hour is set, at
    most max_per_hour x hours / multiplier; a rolled-over step without it: less than register_max / 2.
    Written without division, so that a step exactly at the bound is judged exactly; in the order in which most
    readings are done soonest, for it is asked three times of each; and over the difference, for most of what a reading
    costs is arithmetic of numeric. -#}
{% macro is_plausible_step(step, span_us, register_max='register_max', multiplier='multiplier') -%}
    case
        when {{ step }} >= 0
            then
                max_per_hour is null
                or {{ step }} * {{ multiplier }} * 3600000000 <= max_per_hour * ({{ span_us }})
        when {{ step }} + {{ register_max }} >= 0
            then case
                when max_per_hour is not null
                    then
                        ({{ step }} + {{ register_max }}) * {{ multiplier }} * 3600000000
                        <= max_per_hour * ({{ span_us }})
                else ({{ step }} + {{ register_max }}) * 2 < {{ register_max }}
            end
        else false
    end
{%- endmacro %}
