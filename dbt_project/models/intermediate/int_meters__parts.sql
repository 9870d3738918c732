{{ config(
    materialized='fact',
    tags='ledgers',
    indexes=[{'columns': ['site_code', 'meter_code', 'part_number'], 'unique': true}],
    pre_hook=[
        "{{ mark_changed_parts() }}",
        "{{ delete_gone(ref('int_meters__parts_now'), ['site_code', 'meter_code', 'part_number']) }}",
    ],
) }}
-- The parts that the hours were last computed with. What differs from the ledger now is marked in the same
-- transaction that brings it up to date.
select * from {{ ref('int_meters__parts_now') }}
except
select * from {{ this }}
