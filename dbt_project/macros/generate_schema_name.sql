{#- Schemas are rooms with rights of their own (design decision 2): use their names as they are. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
