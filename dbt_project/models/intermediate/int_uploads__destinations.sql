-- One row per platform and item that it is sent: an item of its own name takes the place of one for every platform.
select distinct on (platforms.site_code, platforms.destination, items.data_code)
    platforms.site_code,
    platforms.destination,
    items.data_code,
    items.destination as item_destination,
    items.name,
    items.figure,
    items.stat_types,
    items.interval_minutes,
    items.is_required,
    items.retired_on,
    platforms.begins_on,
    platforms.timezone,
    platforms.day_start,
    platforms.month_start_day,
    platforms.today,
    platforms.now_at
from {{ ref('int_uploads__platforms') }} as platforms
inner join {{ ref('int_uploads__items') }} as items
    on platforms.site_code = items.site_code and items.destination in (platforms.destination, '*')
where platforms.is_enabled
order by platforms.site_code asc, platforms.destination asc, items.data_code asc, (items.destination = '*') asc
