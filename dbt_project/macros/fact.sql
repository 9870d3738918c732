{#- A heavy fact (design decision 14): a table that stays, with DDL of ours made from the contract, written by
    INSERT ... SELECT alone. All of a run is one transaction on one snapshot: the pre-hooks take marks and
    delete what is computed anew, the model is inserted, the post-hooks remove the marks. So a mark is gone
    exactly when its result stands, and a mark that arrives meanwhile is left for the next run. -#}
{% materialization fact, adapter='postgres' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}

    {% if existing is not none and existing.type != 'table' %}
        {% do adapter.drop_relation(existing) %}
        {% set existing = none %}
    {% endif %}
    {%- set is_structure_only = env_var('NENGDUAN_STRUCTURE_ONLY', '') != '' -%}
    {% if existing is not none and not (
        fact_has_its_columns(existing) and (not is_structure_only or fact_has_its_indexes(existing))
    ) %}
        {#- Only an upgrade changes columns or indexes; it computes everything anew (see building.run_dbt). -#}
        {% do adapter.drop_relation(existing) %}
        {% set existing = none %}
    {% endif %}
    {% if existing is none %}
        {% do create_fact(target) %}
    {% endif %}

    {#- Views are made over tables that are there: a new version makes all of them before it computes anything. -#}
    {% if is_structure_only %}
        {% call statement('main') -%} select 1 where false {%- endcall %}
        {% do adapter.commit() %}
        {{ return({'relations': [target]}) }}
    {% endif %}

    {#- A transaction of its own from here, whose first statement takes the snapshot. What came before (the
        table itself, if it was made just now) stands. -#}
    {% call statement('snapshot') -%}
        commit; begin isolation level repeatable read
    {%- endcall %}
    {% for setting, value in config.get('settings', {}).items() %}
        {% call statement('setting') -%} set local {{ setting }} = '{{ value }}' {%- endcall %}
    {% endfor %}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        insert into {{ target }} ({{ get_column_names() }})
        {{ get_select_subquery(sql) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {% do analyze_grown(target, load_result('main')['response'].rows_affected) %}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% macro get_column_names() -%}
    {{ adapter.dispatch('get_column_names', 'dbt')() }}
{%- endmacro %}

{#- The table as the contract has it, its indexes and comments; on a cluster distributed by site_code. -#}
{% macro create_fact(target) %}
    {% call statement('create_fact') -%}
        create {{ 'unlogged ' if config.get('unlogged') }}table {{ target }} {{ get_table_columns_and_constraints() }}
        {%- if config.get('storage') %} with ({{ config.get('storage') }}){% endif %};
        do $$ begin
            if exists (select from pg_extension where extname = 'citus') then
                perform create_distributed_table('{{ target.schema }}.{{ target.identifier }}', 'site_code');
            end if;
        end $$
    {%- endcall %}
    {#- Only now: a model that follows a ledger reads its own table. -#}
    {% do get_assert_columns_equivalent(model['compiled_code']) %}
    {% do create_indexes(target) %}
    {% do persist_docs(target, model) %}
{% endmacro %}

{% macro fact_has_its_columns(relation) %}
    {%- set wanted = [] -%}
    {%- for column in get_column_schema_from_query(get_empty_schema_sql(model['columns'])) -%}
        {%- do wanted.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for column in get_column_schema_from_query('select * from ' ~ relation ~ ' where false') -%}
        {%- do found.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {{ return(wanted | sort == found | sort) }}
{% endmacro %}

{#- A table that names no indexes is one of the migrations. -#}
{% macro fact_has_its_indexes(relation) %}
    {%- set wanted = [] -%}
    {%- for index in config.get('indexes', []) -%}
        {%- do wanted.append(index.columns | join(', ') ~ (' unique' if index.unique else '')) -%}
    {%- endfor -%}
    {%- set found = run_query(
        "select concat_ws(' ', string_agg(columns.attname, ', ' order by places.place), case when indexes.indisunique"
        ~ " then 'unique' end) as form"
        ~ " from pg_index as indexes"
        ~ " cross join unnest(indexes.indkey) with ordinality as places (number, place)"
        ~ " inner join pg_attribute as columns"
        ~ " on indexes.indrelid = columns.attrelid and places.number = columns.attnum"
        ~ " where indexes.indrelid = '" ~ relation.schema ~ "." ~ relation.identifier ~ "'::regclass"
        ~ " group by indexes.indexrelid, indexes.indisunique"
    ).columns[0].values() -%}
    {{ return(not wanted or wanted | sort == found | sort) }}
{% endmacro %}

{#- A table that has just grown by much is planned wrongly by what reads it next; autovacuum comes too late. And one that
    was never looked at is taken for ten pages, however few its rows are. -#}
{% macro analyze_grown(target, inserted) %}
    {%- set known = run_query(
        "select reltuples::bigint from pg_class where oid = '" ~ target.schema ~ "." ~ target.identifier ~ "'::regclass"
    ).columns[0].values()[0] -%}
    {% if inserted * 10 > known + 5000 or (known < 0 and inserted > 0) %}
        {% call statement('analyze') -%} analyze {{ target }} {%- endcall %}
        {% do adapter.commit() %}
    {% endif %}
{% endmacro %}
