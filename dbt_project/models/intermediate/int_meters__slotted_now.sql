-- One row per meter that a realtime item counts on by quarters of an hour, itself or through a flow.
with terms as (
    select terms.site_code, terms.kind, terms.code
    from {{ ref('int_uploads__items') }} as items
    inner join {{ ref('int_uploads__terms') }} as terms
        on
            items.site_code = terms.site_code
            and items.data_code = terms.data_code
            and items.destination = terms.destination
    where items.is_by_slots and 0 = any(items.stat_types)
)

select site_code, code as meter_code
from terms
where kind = 'meter'
union
select terms.site_code, flow_terms.meter_code
from terms
inner join {{ ref('stg_ledger__flow_terms') }} as flow_terms
    on terms.site_code = flow_terms.site_code and terms.code = flow_terms.flow_code
where terms.kind = 'flow'
