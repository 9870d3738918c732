-- For which periods of this type the site has figures at all.
-- site_code, period_type
select min(period_start) as first_start, max(period_start) as last_start
from marts.performance_by_type
where site_code = %(site_code)s::text and period_type = %(period_type)s::text
