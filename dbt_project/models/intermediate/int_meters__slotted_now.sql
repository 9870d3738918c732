-- One row per meter that an uploaded item of less than an hour counts on, itself or through a flow.
select items.site_code, terms.code as meter_code
from {{ ref('stg_ledger__upload_items') }} as items
inner join {{ ref('int_uploads__terms') }} as terms
    on
        items.site_code = terms.site_code
        and items.data_code = terms.data_code
        and items.destination = terms.destination
where items.interval_minutes < 60 and 0 = any(items.stat_types) and terms.kind = 'meter'
union
select items.site_code, flow_terms.meter_code
from {{ ref('stg_ledger__upload_items') }} as items
inner join {{ ref('int_uploads__terms') }} as terms
    on
        items.site_code = terms.site_code
        and items.data_code = terms.data_code
        and items.destination = terms.destination
inner join {{ ref('stg_ledger__flow_terms') }} as flow_terms
    on terms.site_code = flow_terms.site_code and terms.code = flow_terms.flow_code
where items.interval_minutes < 60 and 0 = any(items.stat_types) and terms.kind = 'flow'
