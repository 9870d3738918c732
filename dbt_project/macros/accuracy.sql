{#- An accuracy class as a number: smaller is better, and a class with S is better than the one without. Null where
    the text holds no number (classes of scales in Roman numerals). -#}
{% macro accuracy_rank(accuracy_class) -%}
    (substring({{ accuracy_class }} from '\d+(?:\.\d+)?')::numeric
        - case when {{ accuracy_class }} ~* '\d\s*S' then 0.001 else 0 end)
{%- endmacro %}

{#- Whether a class meets a requirement that lies between two classes, depending on what the ledgers don't hold (the
    user's class, the pipe's diameter): better than the stricter is met, worse than the looser is not. -#}
{% macro accuracy_verdict(accuracy_class, strictest, loosest) -%}
    case
        when {{ loosest }} is null then null
        when {{ accuracy_rank(accuracy_class) }} is null then null
        when {{ accuracy_rank(accuracy_class) }} <= {{ accuracy_rank(strictest) }} then true
        when {{ accuracy_rank(accuracy_class) }} > {{ accuracy_rank(loosest) }} then false
    end
{%- endmacro %}
