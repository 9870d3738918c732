-- One row per site and energy: its name, unit and class today. A plant's own rows take the place of the
-- seed's for that site (contract §1, energies).
with own as (
    select distinct on (site_code, energy_code)
        site_code, energy_code, name, unit, class, statistic_code
    from {{ ref('stg_ledger__energies') }}
    order by site_code asc, energy_code asc, valid_from desc
),

seeded as (
    select distinct on (energy_code)
        energy_code, name, unit, class, statistic_code
    from {{ ref('reference_energies') }}
    order by energy_code asc, valid_from desc
)

select
    site_code, energy_code, name, unit, class, statistic_code, true as is_own
from own
union all
select
    sites.site_code, seeded.energy_code, seeded.name, seeded.unit, seeded.class, seeded.statistic_code,
    false as is_own
from {{ ref('stg_ledger__sites') }} as sites
cross join seeded
where
    not exists (
        select 1 from own
        where own.site_code = sites.site_code and own.energy_code = seeded.energy_code
    )
