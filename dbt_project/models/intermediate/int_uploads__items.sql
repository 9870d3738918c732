-- One row per uploaded item: where its figure comes from, and what of its terms is summed.
with terms as (
    select
        terms.site_code,
        terms.data_code,
        terms.destination,
        count(*) as term_count,
        count(*) filter (where terms.coefficient < 0) as negative_count,
        bool_or(terms.kind = 'meter') as has_meters,
        -- The one energy of all its terms; of several there is no coefficient.
        case
            when count(distinct coalesce(flows.energy_code, meters.energy_code)) = 1
                then min(coalesce(flows.energy_code, meters.energy_code))
        end as energy_code
    from {{ ref('int_uploads__terms') }} as terms
    left join {{ ref('stg_ledger__flows') }} as flows
        on terms.site_code = flows.site_code and terms.code = flows.flow_code and terms.kind = 'flow'
    left join {{ ref('stg_ledger__meters') }} as meters
        on terms.site_code = meters.site_code and terms.code = meters.meter_code and terms.kind = 'meter'
    group by terms.site_code, terms.data_code, terms.destination
)

select
    items.site_code,
    items.data_code,
    items.destination,
    items.name,
    items.figure,
    items.product_code,
    items.stat_types,
    items.interval_minutes,
    items.input_type,
    items.scope,
    items.factor,
    items.least_coverage,
    items.value_min,
    items.value_max,
    items.is_required,
    items.retired_on,
    coalesce(terms.term_count, 0) as term_count,
    coalesce(terms.negative_count, 0) as negative_count,
    coalesce(terms.has_meters, false) as has_meters,
    terms.energy_code,
    case
        when items.figure in ('manual', 'production') then items.figure
        when terms.term_count > 0 then 'terms'
        when items.figure in ('comprehensive_energy', 'unit_consumption', 'output_value_consumption') then 'site'
    end as source,
    -- Hours are those of UTC: a site whose clock is off them has its own from quarters.
    items.interval_minutes < 60
    or date_part('minute', timestamptz '2026-01-01 00:00+00' at time zone sites.timezone) <> 0 as is_by_slots,
    case items.figure when 'quantity' then 'quantity' when 'tce_equal' then 'tce_equal' else 'tce_equivalent' end
    as measure
from {{ ref('stg_ledger__upload_items') }} as items
inner join {{ ref('stg_ledger__sites') }} as sites on items.site_code = sites.site_code
left join terms
    on
        items.site_code = terms.site_code
        and items.data_code = terms.data_code
        and items.destination = terms.destination
