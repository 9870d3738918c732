-- The site's shifts with the days for which they are valid; null: without bound.
-- site_code: the site
select
    shift_code,
    start_time,
    end_time,
    nullif(valid_from, '-infinity') as valid_from,
    nullif(valid_to, 'infinity') as valid_to
from ledger.shifts
where site_code = %(site_code)s::text
order by shift_code, ledger.shifts.valid_from
