{#- The rule holds for every row; a rule that is unknown for a row fails too. -#}
{% test expression_is_true(model, expression) %}
select *
from {{ model }}
where not coalesce({{ expression }}, false)
{% endtest %}
