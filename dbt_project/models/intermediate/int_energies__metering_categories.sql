-- One row per site and energy: the category of GB 17167 whose requirements it falls under. By its own code, else by
-- its code in form 205-1; what neither names falls under 其他, as the standard has it.
with by_statistic_code as (
    select distinct on (statistic_code)
        statistic_code, category, evidence
    from {{ ref('metering_categories') }}
    where statistic_code is not null
    order by statistic_code asc, energy_code asc
)

select
    energies.site_code,
    energies.energy_code,
    energies.name,
    energies.unit,
    coalesce(by_code.category, by_statistic_code.category, '其他') as category,
    case
        when by_code.category is not null then 'energy_code'
        when by_statistic_code.category is not null then 'statistic_code'
        else 'default'
    end as category_source
from {{ ref('int_sites__energies') }} as energies
left join {{ ref('metering_categories') }} as by_code on energies.energy_code = by_code.energy_code
left join by_statistic_code on energies.statistic_code = by_statistic_code.statistic_code
where energies.class <> 'non_energy'
