{#- Conservation: the quarters of an hour add up to the hour, and where one is known the other is. -#}
{% test slots_are_hours(model) %}
with slots as (
    select
        site_code,
        meter_code,
        date_trunc('hour', slot_start) as hour_start,
        sum(quantity) as quantity,
        sum(coverage) / 4 as coverage
    from {{ model }}
    group by site_code, meter_code, date_trunc('hour', slot_start)
),

hours as (
    select hours.site_code, hours.meter_code, hours.hour_start, hours.quantity, hours.coverage
    from {{ ref('int_meters__hours') }} as hours
    inner join {{ ref('int_meters__slotted') }} as slotted
        on hours.site_code = slotted.site_code and hours.meter_code = slotted.meter_code
    where hours.quantity is not null
)

select
    site_code, meter_code, hour_start,
    slots.quantity as slots_quantity, hours.quantity as hours_quantity,
    slots.coverage as slots_coverage, hours.coverage as hours_coverage
from slots
full outer join hours using (site_code, meter_code, hour_start)
where
    slots.quantity is null
    or hours.quantity is null
    or abs(slots.quantity - hours.quantity) > 1e-9
    -- Less where spans overlap: an hour is cut off at 1 as a whole, a quarter for itself.
    or slots.coverage > hours.coverage + 1e-8
{% endtest %}
