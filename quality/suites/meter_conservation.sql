-- One row per meter: what its spans add up to, and what its hours add up to.
with spans as (
    select
        site_code,
        meter_code,
        sum(quantity) as span_quantity
    from intermediate.int_meters__spans
    group by site_code, meter_code
),

hours as (
    select
        site_code,
        meter_code,
        sum(quantity) as hour_quantity
    from marts.fct_meter_hourly
    group by site_code, meter_code
)

select
    coalesce(spans.site_code, hours.site_code) as site_code,
    coalesce(spans.meter_code, hours.meter_code) as meter_code,
    coalesce(spans.span_quantity, 0) as span_quantity,
    coalesce(hours.hour_quantity, 0) as hour_quantity,
    coalesce(hours.hour_quantity, 0) - coalesce(spans.span_quantity, 0) as difference
from spans
full outer join hours on spans.site_code = hours.site_code and spans.meter_code = hours.meter_code
