-- The purchase and stock documents of energies in the period, with file and line, and which of them count: of one
-- energy, day and kind the rows of the newest accepted batch. Stock is known at the start of the period by the
-- opening of its first day or the closing of the day before, at its end likewise, its own document first.
-- site_code, purchased_energies: those known by documents; stocked_energies: those whose stock is in the figure;
-- first_date, after_date: statistical days, half-open
with documents as (
    select 'purchases' as source_table, purchases.* from raw.purchases as purchases
    where purchases.site_code = %(site_code)s::text
    union all
    select 'stocks' as source_table, stocks.* from raw.stocks as stocks
    where stocks.site_code = %(site_code)s::text
),

placed as (
    select
        documents.*,
        batches.file,
        batches.status,
        batches.status_reason,
        max(documents.batch_id) filter (where batches.status = 'accepted') over (
            partition by documents.source_table, documents.energy_code, documents.date, documents.kind
        ) as newest_batch_id,
        case
            when documents.kind in ('purchase', 'sale', 'adjustment') then documents.kind
            when documents.date + case documents.kind when 'closing' then 1 else 0 end = %(first_date)s::date
                then 'opening'
            else 'closing'
        end as part
    from documents
    inner join ops.batches as batches on documents.batch_id = batches.batch_id
    where
        (
            documents.kind in ('purchase', 'sale')
            and documents.energy_code = any(%(purchased_energies)s::text[])
            and documents.date >= %(first_date)s::date and documents.date < %(after_date)s::date
        )
        or (
            documents.kind = 'adjustment'
            and documents.energy_code = any(%(stocked_energies)s::text[])
            and documents.date >= %(first_date)s::date and documents.date < %(after_date)s::date
        )
        or (
            documents.kind in ('opening', 'closing')
            and documents.energy_code = any(%(stocked_energies)s::text[])
            and documents.date + case documents.kind when 'closing' then 1 else 0 end
            in (%(first_date)s::date, %(after_date)s::date)
        )
),

judged as (
    select
        placed.*,
        case
            when status = 'held' then 'held'
            when status <> 'accepted' then 'waiting'
            when batch_id < newest_batch_id then 'replaced'
            -- The same instant stated twice: a period goes by its own documents first.
            when part in ('opening', 'closing') and kind <> part and bool_or(kind = part and status = 'accepted') over (
                partition by energy_code, part
            ) then 'not_chosen'
            else 'counted'
        end as verdict
    from placed
)

select
    judged.energy_code,
    energies.name as energy_name,
    judged.part,
    judged.kind,
    judged.date,
    judged.quantity,
    energies.unit,
    judged.quantity * coefficients.kgce_per_unit / 1000 as tce_equivalent,
    judged.quantity * coefficients.kgce_per_unit_equal / 1000 as tce_equal,
    judged.supplier,
    judged.verdict,
    case judged.verdict
        when 'replaced' then '批次 #' || judged.newest_batch_id || ' 取代'
        when 'held' then judged.status_reason
        when 'not_chosen' then '同一时刻另有本期的单据，以其为准'
    end as reason,
    judged.batch_id,
    judged.file,
    judged.line
from judged
left join marts.dim_energies as energies
    on judged.site_code = energies.site_code and judged.energy_code = energies.energy_code
left join marts.dim_energy_coefficients as coefficients
    on
        judged.site_code = coefficients.site_code
        and judged.energy_code = coefficients.energy_code
        -- Stock is valued by the coefficient of the period's last day, a purchase by its own.
        and case when judged.kind in ('purchase', 'sale') then judged.date else %(after_date)s::date - 1 end
        >= coefficients.valid_from
        and case when judged.kind in ('purchase', 'sale') then judged.date else %(after_date)s::date - 1 end
        < coefficients.valid_to
order by judged.energy_code, judged.part, judged.date, judged.batch_id, judged.line
