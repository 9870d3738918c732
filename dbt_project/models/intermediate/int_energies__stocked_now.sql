-- One row per site and energy with any stock document; an adjustment alone says that there is stock, too, and then
-- nothing is known of its levels.
select distinct site_code, energy_code
from {{ ref('int_erp__documents') }}
where kind in ('opening', 'closing', 'adjustment')
