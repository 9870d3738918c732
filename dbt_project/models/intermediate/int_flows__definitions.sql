{{ config(
    materialized='fact',
    tags='ledgers',
    indexes=[{'columns': ['site_code', 'flow_code'], 'unique': true}],
    pre_hook=[
        "{{ mark_changed_flows() }}",
        "{{ mark_energies_of_changed_flows() }}",
        "{{ delete_gone(ref('int_flows__definitions_now'), ['site_code', 'flow_code']) }}",
    ],
) }}
-- The flows as they were last computed and summed.
select * from {{ ref('int_flows__definitions_now') }}
except
select * from {{ this }}
