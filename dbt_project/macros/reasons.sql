{#- Why a figure in standard coal can't be had: there is no quantity, or no coefficient for that day. -#}
{% macro tce_reason(is_computable, coefficient, basis) -%}
    case
        when not {{ is_computable }} then '实物量不能计算'
        when {{ coefficient }} is null
            then '没有当日有效的{{ basis }}折标系数' || coalesce('：' || coefficients.reason, '')
    end
{%- endmacro %}
