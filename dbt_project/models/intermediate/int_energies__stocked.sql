{{ config(
    materialized='fact',
    tags='ledgers',
    indexes=[{'columns': ['site_code', 'energy_code'], 'unique': true}],
    pre_hook=[
        "insert into ops.dirty_energies (site_code, energy_code, starts_on, ends_on, cause)
        select site_code, energy_code, date '{{ var(\"first_day\") }}', date '{{ var(\"last_day\") }}', '库存单据：首次出现'
        from {{ ref('int_energies__stocked_now') }}
        where (site_code, energy_code) not in (select site_code, energy_code from {{ this }})",
    ],
) }}
-- The energies of which stock was known when their consumption was last computed: the first stock document of an
-- energy says what its earlier months lack.
select * from {{ ref('int_energies__stocked_now') }}
except
select * from {{ this }}
