-- Every site of the installation.
select site_code, name
from marts.dim_sites
order by site_code
