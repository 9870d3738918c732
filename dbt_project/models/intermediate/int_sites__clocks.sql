{{ config(
    materialized='fact',
    tags='ledgers',
    indexes=[{'columns': ['site_code'], 'unique': true}],
    pre_hook=[
        "{{ mark_meters_of_changed_sites() }}",
        "{{ mark_flows_of_changed_sites() }}",
        "{{ mark_changed_sites() }}",
        "{{ delete_gone(ref('int_sites__clocks_now'), ['site_code']) }}",
    ],
) }}
-- The clocks that the figures were last computed with.
select * from {{ ref('int_sites__clocks_now') }}
except
select * from {{ this }}
