{#- A row of a ledger is out of use from its retired_on on, and not before; `clocks` is int_sites__today. The workbench
    and the import ask the same of ingestion.ledgers.dependents. -#}
{% macro in_use_today(row, clocks='clocks') -%}
    coalesce({{ row }}.retired_on > {{ clocks }}.today, true)
{%- endmacro %}


{#- A meter's status holds from status_since on. What it was before is not in the ledger: unknown (null), and in use. -#}
{% macro status_today(meters='meters', clocks='clocks') -%}
    case when coalesce({{ meters }}.status_since <= {{ clocks }}.today, true) then {{ meters }}.status end
{%- endmacro %}
