-- One row per site, energy and stretch of days over which both coefficients to standard coal stand still.
-- GB/T 2589-2020: a measured low heat value goes before the reference coefficient (kgce = kJ / 29307.6).
-- For a primary energy, and where 等价 and 当量 are one figure, the measured value is both.
with definitions as (
    select
        site_code,
        energy_code,
        class,
        kgce_per_unit,
        kgce_per_unit_equal,
        '本企业 energies 台账' as source,
        null::text as reason,
        valid_from,
        valid_to
    from {{ ref('stg_ledger__energies') }}
    union all
    select
        energies.site_code,
        energies.energy_code,
        seed.class,
        seed.kgce_per_unit,
        seed.kgce_per_unit_equal,
        seed.standard || ' ' || seed.clause as source,
        seed.remark as reason,
        coalesce(seed.valid_from, '-infinity') as valid_from,
        coalesce(seed.valid_to, 'infinity') as valid_to
    from {{ ref('int_sites__energies') }} as energies
    inner join {{ ref('reference_energies') }} as seed on energies.energy_code = seed.energy_code
    where not energies.is_own
),

heat_values as (
    select * from {{ ref('stg_ledger__calorific_values') }}
),

boundaries as (
    select site_code, energy_code, valid_from as boundary from definitions
    union
    select site_code, energy_code, valid_to as boundary from definitions
    union
    select site_code, energy_code, valid_from as boundary from heat_values
    union
    select site_code, energy_code, valid_to as boundary from heat_values
),

stretches as (
    select
        site_code,
        energy_code,
        boundary as valid_from,
        lead(boundary) over (partition by site_code, energy_code order by boundary) as valid_to
    from boundaries
),

-- Where rows overlap, the one that began last stands.
chosen as (
    select distinct on (stretches.site_code, stretches.energy_code, stretches.valid_from)
        stretches.site_code,
        stretches.energy_code,
        stretches.valid_from,
        stretches.valid_to,
        definitions.class,
        definitions.kgce_per_unit,
        definitions.kgce_per_unit_equal,
        definitions.source,
        definitions.reason,
        heat_values.kj_per_unit,
        heat_values.laboratory
    from stretches
    left join definitions
        on
            stretches.site_code = definitions.site_code
            and stretches.energy_code = definitions.energy_code
            and stretches.valid_from >= definitions.valid_from
            and stretches.valid_from < definitions.valid_to
    left join heat_values
        on
            stretches.site_code = heat_values.site_code
            and stretches.energy_code = heat_values.energy_code
            and stretches.valid_from >= heat_values.valid_from
            and stretches.valid_from < heat_values.valid_to
    where stretches.valid_to is not null
    order by
        stretches.site_code asc, stretches.energy_code asc, stretches.valid_from asc,
        definitions.valid_from desc nulls last, heat_values.valid_from desc nulls last
),

measured as (
    select
        chosen.*,
        round(kj_per_unit / 29307.6, 12) as kgce_measured,
        coalesce(class = 'primary' or kgce_per_unit_equal = kgce_per_unit, false) as is_one_figure
    from chosen
)

select
    site_code,
    energy_code,
    case
        when kgce_measured is not null
            then '实测低位发热量 ' || kj_per_unit::text || ' kJ'
                || coalesce('（' || laboratory || '）', '')
        else source
    end as source_equivalent,
    case
        when kgce_measured is not null and is_one_figure
            then '实测低位发热量 ' || kj_per_unit::text || ' kJ'
                || coalesce('（' || laboratory || '）', '')
        else source
    end as source_equal,
    reason,
    coalesce(kgce_measured, kgce_per_unit) as kgce_per_unit,
    case when is_one_figure then coalesce(kgce_measured, kgce_per_unit_equal) else kgce_per_unit_equal end
    as kgce_per_unit_equal,
    valid_from,
    valid_to
from measured
