{#- What the items of contract §1 (flows.item) are called to a plant's user. -#}
{% macro item_name(item) -%}
    case {{ item }}
        {%- for code, name in {
            'purchase': '购入', 'stock': '库存', 'conversion_in': '加工转换投入', 'conversion_out': '加工转换产出',
            'distribution': '输送分配', 'production': '生产用能', 'living': '生活用能', 'self_use': '自用',
            'export': '外供', 'recovery': '回收利用', 'loss': '损失'
        }.items() %}
        when '{{ code }}' then '{{ name }}'
        {%- endfor %}
    end
{%- endmacro %}
