select
    site_code,
    equipment_code,
    motor_code,
    model,
    rated_power_kw,
    quantity,
    efficiency_grade,
    manufacturer
from {{ source('ledger', 'motors') }}
where retired_on is null
