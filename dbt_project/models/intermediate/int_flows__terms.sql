{{ config(
    materialized='fact',
    tags='ledgers',
    indexes=[{'columns': ['site_code', 'flow_code', 'meter_code'], 'unique': true}],
    pre_hook="{{ delete_gone(ref('stg_ledger__flow_terms'), ['site_code', 'flow_code', 'meter_code']) }}",
) }}
-- The terms of the flows' expressions beside the facts; int_flows__definitions marks what a change makes dirty.
select * from {{ ref('stg_ledger__flow_terms') }}
except
select * from {{ this }}
