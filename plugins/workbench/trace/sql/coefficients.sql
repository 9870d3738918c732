-- The coefficients to standard coal that hold within the period, with where they come from: for a plant's own
-- value also the ledger's batch and file, for the reference table's the standard and clause.
-- site_code, energy_codes; first_date, last_date: local days, both included
select
    coefficients.energy_code,
    energies.name as energy_name,
    energies.unit,
    coefficients.kgce_per_unit,
    coefficients.source_equivalent,
    coefficients.kgce_per_unit_equal,
    coefficients.source_equal,
    nullif(coefficients.valid_from, '-infinity') as valid_from,
    nullif(coefficients.valid_to, 'infinity') as valid_to,
    coefficients.reason,
    coalesce(heat_values.batch_id, own.batch_id) as batch_id,
    batches.file
from marts.dim_energy_coefficients as coefficients
left join marts.dim_energies as energies
    on coefficients.site_code = energies.site_code and coefficients.energy_code = energies.energy_code
left join lateral (
    select ledger.batch_id
    from ledger.calorific_values as ledger
    where
        ledger.site_code = coefficients.site_code
        and ledger.energy_code = coefficients.energy_code
        and coefficients.valid_from >= ledger.valid_from
        and coefficients.valid_from < ledger.valid_to
    order by ledger.valid_from desc
    limit 1
) as heat_values on true
left join lateral (
    select ledger.batch_id
    from ledger.energies as ledger
    where
        ledger.site_code = coefficients.site_code
        and ledger.energy_code = coefficients.energy_code
        and coefficients.valid_from >= ledger.valid_from
        and coefficients.valid_from < ledger.valid_to
    order by ledger.valid_from desc
    limit 1
) as own on true
left join ops.batches as batches on coalesce(heat_values.batch_id, own.batch_id) = batches.batch_id
where
    coefficients.site_code = %(site_code)s::text
    and coefficients.energy_code = any(%(energy_codes)s::text[])
    and coefficients.valid_from <= %(last_date)s::date
    and coefficients.valid_to > %(first_date)s::date
order by coefficients.energy_code, coefficients.valid_from
