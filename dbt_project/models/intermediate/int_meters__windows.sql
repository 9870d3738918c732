{{ config(
    materialized='fact',
    tags='meters',
    indexes=[{'columns': ['site_code', 'meter_code']}],
    pre_hook=[
        "{{ split_long_marks() }}",
        "{{ delete_long_marks() }}",
        "{{ take_marks('ops.dirty_meters', 'meter_code', is_accepted_mark()) }}",
        "{{ delete_windows() }}",
    ],
    post_hook="analyze {{ this }}",
) }}
-- depends_on: {{ ref('int_sites__clocks') }}
-- depends_on: {{ ref('int_meters__slotted') }}
-- One row per meter and stretch of time whose hours this build computes anew.
--
-- A changed reading changes the verdicts of its neighbours, and the spans from the accepted reading before
-- those to the one after. So the hours computed anew reach from the hour of the second accepted reading before
-- the change to that of the second one after (emit_from, emit_to), and the readings looked at (the region) to
-- accepted ones outside those hours, the first strictly before: a break is told at the instant it ends. Such a
-- reading is first or last in the region, and so is no outlier there either. An interval overlaps others where it
-- is off its grid, so at least one interval is looked at beyond. Where no such reading exists, the region has no end
-- on that side.
--
-- Logged, like the other windows: PostgreSQL empties unlogged tables after a crash, and dbt, which connects anew
-- for each model, would go on with no windows and then forget the marks.
with marks as (
    select
        site_code,
        meter_code,
        {{ microseconds('starts_at') }} as from_us,
        {{ microseconds('ends_at') }} as to_us
    from {{ ref('stg_ops__dirty_meters') }}
    where is_taken and {{ is_mine('meter_code') }}
),

-- Looking for a neighbour costs more than a quiet day more.
changed as (
    {{ islands('marks', ['site_code', 'meter_code'], gap=172800000000) }}
),

changed_meters as (
    select
        changed.site_code,
        changed.meter_code,
        changed.from_us,
        changed.to_us,
        parts.interval_us,
        to_timestamp(changed.from_us / 1000000.0) as starts_at,
        to_timestamp(changed.to_us / 1000000.0) as ends_at
    from changed
    left join {{ ref('int_meters__parts') }} as parts
        on changed.site_code = parts.site_code and changed.meter_code = parts.meter_code and parts.part_number = 0
),

hours as (
    select
        changed_meters.*,
        case
            when changed_meters.interval_us is null then changed_meters.from_us
            when before.neighbour_us is null then {{ var('first_us') }}
            else {{ hour_number('least(before.neighbour_us, from_us - interval_us)') }} * 3600000000
        end as emit_from_us,
        case
            when changed_meters.interval_us is null then changed_meters.to_us + 1
            when after.neighbour_us is null then {{ var('last_us') }}
            else ({{ hour_number('greatest(after.neighbour_us, to_us + interval_us)') }} + 1) * 3600000000
        end as emit_to_us
    from changed_meters
    cross join lateral (
        select case when count(*) = 2 then min(nearest.read_us) end as neighbour_us
        from ({{ accepted_instants('changed_meters', '<', 'changed_meters.starts_at', 'desc', 2) }}) as nearest
    ) as before
    cross join lateral (
        select case when count(*) = 2 then max(nearest.read_us) end as neighbour_us
        from ({{ accepted_instants('changed_meters', '>', 'changed_meters.ends_at', 'asc', 2) }}) as nearest
    ) as after
),

regions as (
    select
        hours.site_code,
        hours.meter_code,
        hours.interval_us,
        hours.emit_from_us,
        hours.emit_to_us,
        case
            when hours.interval_us is null then hours.from_us
            else least(coalesce(before.neighbour_us, {{ var('first_us') }}), hours.emit_from_us - hours.interval_us)
        end as region_from_us,
        case
            when hours.interval_us is null then hours.to_us
            else greatest(coalesce(after.neighbour_us, {{ var('last_us') }}), hours.emit_to_us + hours.interval_us)
        end as region_to_us
    from hours
    cross join lateral (
        select max(nearest.read_us) as neighbour_us
        from (
            {{ accepted_instants('hours', '<', 'to_timestamp(hours.emit_from_us / 1000000.0)', 'desc', 1) }}
        ) as nearest
    ) as before
    cross join lateral (
        select min(nearest.read_us) as neighbour_us
        from (
            {{ accepted_instants('hours', '>=', 'to_timestamp(hours.emit_to_us / 1000000.0)', 'asc', 1) }}
        ) as nearest
    ) as after
),

-- Two stretches whose hours touch become one: an hour is written once. One before the retention edge is not
-- written again: its readings are gone, and its figures stay (decision 0011).
emitted as (
    select
        regions.site_code,
        regions.meter_code,
        greatest(regions.emit_from_us, edges.frozen_us) as from_us,
        regions.emit_to_us as to_us
    from regions
    left join {{ ref('stg_ops__retention_edges') }} as edges
        on regions.site_code = edges.site_code and regions.meter_code = edges.meter_code
    where regions.emit_to_us > coalesce(edges.frozen_us, {{ var('first_us') }})
),

joined as (
    {{ islands('emitted', ['site_code', 'meter_code']) }}
)

select
    joined.site_code,
    joined.meter_code,
    {{ worker() }} as worker,
    -- No two workers give the same number: views over the windows know no worker.
    (
        row_number() over (partition by joined.site_code order by joined.meter_code, joined.from_us) * {{ workers() }}
        + {{ worker() }}
    )::integer as window_number,
    bool_and(regions.interval_us is not null) as is_known,
    greatest(min(regions.region_from_us), {{ var('first_us') }}) as region_from_us,
    least(max(regions.region_to_us), {{ var('last_us') }}) as region_to_us,
    joined.from_us as emit_from_us,
    joined.to_us as emit_to_us,
    to_timestamp(greatest(min(regions.region_from_us), {{ var('first_us') }}) / 1000000.0) as region_from_at,
    to_timestamp(least(max(regions.region_to_us), {{ var('last_us') }}) / 1000000.0) as region_to_at,
    to_timestamp(joined.from_us / 1000000.0) as emit_from_at,
    to_timestamp(joined.to_us / 1000000.0) as emit_to_at
from joined
inner join regions
    on
        joined.site_code = regions.site_code
        and joined.meter_code = regions.meter_code
        and joined.from_us < regions.emit_to_us
        and joined.to_us > regions.emit_from_us
group by joined.site_code, joined.meter_code, joined.from_us, joined.to_us
