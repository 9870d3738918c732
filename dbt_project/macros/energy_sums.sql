{#- Standard coal (t) of a quantity by a coefficient in kgce per unit. Multiplied, for that is exact and takes a third of
    a division's time. -#}
{% macro tce(quantity, kgce_per_unit) -%}
    {{ quantity }} * {{ kgce_per_unit }} * 0.001
{%- endmacro %}

{#- The sums of energy figures over a group of finer ones. A missing part is never 0: a null quantity stays
    out and lowers the coverage, and standard coal is null when any known quantity has no coefficient, since
    the rest would pass for the whole. `share` divides each part (a shift that begins within an hour). -#}
{% macro energy_sums(share=none) -%}
    {%- set part = ' * ' ~ share if share else '' -%}
    sum(quantity{{ part }}) as quantity,
    {% for basis in ('equivalent', 'equal') -%}
        case
            when count(*) filter (where quantity <> 0 and tce_{{ basis }} is null) = 0
                then sum(tce_{{ basis }}{{ part }})
        end as tce_{{ basis }},
    {% endfor -%}
    sum(estimated_quantity{{ part }}) as estimated_quantity
{%- endmacro %}

{#- Why the sums of energy_sums can't be had, where they can't. -#}
{% macro energy_sum_reasons() -%}
    case when sum(quantity) is null then max(quantity_reason) end as quantity_reason,
    {% for basis in ('equivalent', 'equal') -%}
        case
            when
                count(*) filter (where quantity <> 0 and tce_{{ basis }} is null) > 0
                or sum(tce_{{ basis }}) is null
                then max(tce_{{ basis }}_reason)
        end as tce_{{ basis }}_reason{{ ',' if not loop.last }}
    {% endfor -%}
{%- endmacro %}

{#- The codes that any of a group's arrays names, in order. Nearly all of them are empty. -#}
{% macro union_of_arrays(column) -%}
    array(
        select distinct codes.code
        from jsonb_array_elements_text(
            coalesce(jsonb_agg({{ column }}) filter (where {{ column }} <> '{}'), '[]')
        ) as lists (list)
        cross join lateral jsonb_array_elements_text(lists.list::jsonb) as codes (code)
        order by codes.code
    )
{%- endmacro %}
