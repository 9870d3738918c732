-- Items of which nothing can be sent, and why.
select
    data_code,
    item_name,
    reason
from marts.upload_coverage
where
    site_code = %(site)s
    and destination in ('*', %(destination)s)
    and reason is not null
    and (%(codes)s::text[] is null or data_code = any(%(codes)s))
order by data_code
