select
    site_code,
    equipment_code,
    motor_code,
    model,
    rated_power_kw,
    quantity,
    efficiency_grade,
    manufacturer,
    retired_on
from {{ source('ledger', 'motors') }}
