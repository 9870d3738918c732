{#- A threshold with hysteresis over hours in order: at or above it is on, below it by more than the hysteresis is off,
    between the two it stays as it was. Where nothing joins on (the first hour, the hour after a gap) the threshold
    alone decides. A hysteresis wider than half the threshold counts as half of it, or what stands still would never be
    off. Two steps: the hours that decide by themselves, then each hour with the last of those. -#}
{% macro decides_by_itself(power, threshold, hysteresis, is_linked) -%}
    case
        when {{ threshold }} is null or {{ power }} is null then false
        when {{ power }} >= {{ threshold }} then true
        when not {{ is_linked }} or {{ power }} < {{ threshold }} - least({{ hysteresis }}, {{ threshold }} / 2) then false
    end
{%- endmacro %}
