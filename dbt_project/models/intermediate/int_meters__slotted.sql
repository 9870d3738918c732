{{ config(
    materialized='fact',
    tags='ledgers',
    indexes=[{'columns': ['site_code', 'meter_code'], 'unique': true}],
    pre_hook=[
        "{{ mark_meters_of_changed_slots() }}",
        "{{ delete_gone(ref('int_meters__slotted_now'), ['site_code', 'meter_code']) }}",
    ],
) }}
-- The meters whose quarters of an hour are computed beside their hours. One that comes or goes is marked as a whole,
-- so that its slots appear for the history it has, or go.
select * from {{ ref('int_meters__slotted_now') }}
except
select * from {{ this }}
