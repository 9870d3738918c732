-- One row per platform and item that it is sent: an item of its own name takes the place of one for every platform.
select distinct on (destinations.site_code, destinations.destination, items.data_code)
    destinations.site_code,
    destinations.destination,
    items.data_code,
    items.destination as item_destination,
    items.name,
    items.figure,
    items.stat_types,
    items.interval_minutes,
    items.is_required,
    items.retired_on,
    (destinations.created_at at time zone clocks.timezone)::date as expected_from,
    destinations.created_at
from {{ ref('stg_ops__upload_destinations') }} as destinations
inner join {{ ref('int_sites__clocks_now') }} as clocks on destinations.site_code = clocks.site_code
inner join {{ ref('int_uploads__items') }} as items
    on destinations.site_code = items.site_code and items.destination in (destinations.destination, '*')
where destinations.is_enabled
order by
    destinations.site_code asc, destinations.destination asc, items.data_code asc, (items.destination = '*') asc
