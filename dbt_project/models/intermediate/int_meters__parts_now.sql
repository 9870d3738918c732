-- One row per meter and part of its life between two meter events; a meter without events has one.
-- Bounds are microseconds since 1970 (bigint compares several times faster than timestamptz arithmetic).
with events as (
    select
        *,
        row_number() over (partition by site_code, meter_code order by event_us, kind) as event_number,
        -- Nothing is known of the counter at the cut: a step across it is divided by time.
        kind = 'ratio_changed' and old_last_reading is null and new_first_reading is null as is_soft_cut
    from {{ ref('stg_ledger__meter_events') }}
),

meters as (
    select * from {{ ref('stg_ledger__meters') }}
),

starts as (
    select
        site_code, meter_code, 0 as part_number, {{ var('first_us') }}::bigint as starts_us,
        null::numeric as first_reading, null::numeric as new_multiplier, null::numeric as new_register_max,
        false as is_soft_cut
    from meters
    union all
    select
        site_code, meter_code, event_number as part_number, event_us as starts_us,
        case kind
            when 'reset' then coalesce(new_first_reading, 0)
            when 'ratio_changed' then coalesce(new_first_reading, old_last_reading)
            else new_first_reading
        end as first_reading,
        new_multiplier, new_register_max, is_soft_cut
    from events
),

parts as (
    select
        starts.site_code,
        starts.meter_code,
        starts.part_number::integer as part_number,
        -- Parts joined by soft cuts share a run: a register step may cross those.
        sum(case when starts.is_soft_cut then 0 else 1 end)
            over (
                partition by starts.site_code, starts.meter_code order by starts.part_number
                rows between unbounded preceding and current row
            )::integer as run_number,
        starts.starts_us,
        starts.first_reading,
        -- A changed value holds until the next change.
        sum(case when starts.new_multiplier is not null then 1 else 0 end)
            over (
                partition by starts.site_code, starts.meter_code order by starts.part_number
                rows between unbounded preceding and current row
            ) as multiplier_group,
        sum(case when starts.new_register_max is not null then 1 else 0 end)
            over (
                partition by starts.site_code, starts.meter_code order by starts.part_number
                rows between unbounded preceding and current row
            ) as register_max_group,
        starts.new_multiplier,
        starts.new_register_max
    from starts
)

select
    parts.site_code,
    parts.meter_code,
    parts.part_number,
    parts.run_number,
    meters.reading_kind,
    meters.interval_label,
    meters.interval_us,
    meters.max_per_hour,
    parts.starts_us,
    coalesce(
        lead(parts.starts_us) over (
            partition by parts.site_code, parts.meter_code order by parts.part_number
        ),
        {{ var('last_us') }}::bigint
    ) as ends_us,
    parts.first_reading,
    closing.old_last_reading as last_reading,
    coalesce(
        max(parts.new_multiplier) over (
            partition by parts.site_code, parts.meter_code, parts.multiplier_group
        ),
        meters.multiplier
    ) as multiplier,
    coalesce(
        max(parts.new_register_max) over (
            partition by parts.site_code, parts.meter_code, parts.register_max_group
        ),
        meters.register_max
    ) as register_max
from parts
inner join meters
    on parts.site_code = meters.site_code and parts.meter_code = meters.meter_code
left join events as closing
    on
        parts.site_code = closing.site_code
        and parts.meter_code = closing.meter_code
        and parts.part_number + 1 = closing.event_number
