-- The site's clock: the zone, the time at which its day begins and the day on which its month does.
-- site_code: the site
select site_code, name, timezone, day_start, month_start_day
from marts.dim_sites
where site_code = %(site_code)s::text
