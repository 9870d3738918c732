{#- The grain sentence, held: no two rows alike in all of these columns (null is a value like another). -#}
{% test unique_grain(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
