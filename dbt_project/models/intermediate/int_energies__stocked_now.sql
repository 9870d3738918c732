-- One row per site and energy with any stock document.
select distinct site_code, energy_code
from {{ ref('int_erp__documents') }}
where kind in ('opening', 'closing')
