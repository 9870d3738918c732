{{ config(
    materialized='fact',
    tags='meters',
    indexes=[{'columns': ['site_code', 'meter_code', 'slot_start'], 'unique': true}],
    pre_hook="{{ delete_in_windows('slot_start') }}",
) }}
{%- set slot_us = 900000000 %}
-- One row per meter and quarter of an hour of which anything is known, of the few meters of which a platform asks for
-- them (int_meters__slotted). The same spans as the hours', cut finer: the quarters of an hour add up to it.
select
    windows.site_code,
    windows.meter_code,
    slots.quantity,
    round(least(coalesce(slots.measured_us, 0)::numeric / {{ slot_us }}, 1), 9) as coverage,
    to_timestamp(slots.slot_number * 900) as slot_start
from {{ ref('int_meters__windows') }} as windows
inner join {{ ref('int_meters__slotted') }} as slotted
    on windows.site_code = slotted.site_code and windows.meter_code = slotted.meter_code
cross join lateral (
    select
        pieces.site_code,
        pieces.unit_number as slot_number,
        sum(pieces.quantity) as quantity,
        sum(pieces.piece_us) filter (where pieces.is_measured and pieces.finding is null) as measured_us
    from {{ pieces_of_spans(slot_us) }} as pieces
    where pieces.site_code = windows.site_code and pieces.window_number = windows.window_number
    group by pieces.site_code, pieces.unit_number
) as slots
where
    windows.worker = {{ worker() }}
    and slots.quantity is not null
    and slots.slot_number * {{ slot_us }} >= windows.emit_from_us
    and slots.slot_number * {{ slot_us }} < windows.emit_to_us
