{{ config(
    materialized='fact',
    tags='ledgers',
    indexes=[{'columns': ['site_code', 'energy_code', 'valid_from'], 'unique': true}],
    pre_hook=[
        "{{ mark_flows_of_changed_coefficients() }}",
        "{{ mark_changed_coefficients() }}",
        "{{ delete_gone(ref('int_energies__coefficients_now'), ['site_code', 'energy_code', 'valid_from']) }}",
    ],
) }}
-- The coefficients that the figures were last computed with.
select * from {{ ref('int_energies__coefficients_now') }}
except
select * from {{ this }}
