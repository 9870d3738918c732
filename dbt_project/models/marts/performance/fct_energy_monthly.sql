select
    site_code,
    flow_code,
    energy_code,
    quantity_reason,
    tce_equivalent_reason,
    tce_equal_reason,
    missing_meters,
    quantity,
    tce_equivalent,
    tce_equal,
    coverage,
    estimated_quantity,
    stat_month,
    first_date as period_start
from {{ ref('int_flows__weeks_months') }}
where period_type = 'month'
