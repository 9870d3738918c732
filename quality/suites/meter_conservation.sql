-- One row per meter that the last pass computed: what its spans add up to within the hours written, and what
-- the hours add up to. Of a large pass every so many windows are looked at, some 50 in all.
with windows as (
    select
        windows.*,
        mod(windows.window_number, (select 1 + count(*) / 50 from intermediate.int_meters__windows)) = 0 as is_judged
    from intermediate.int_meters__windows as windows
    where windows.is_known
),

-- What was accepted since that pass is in the spans and not yet in the hours: a mark says so, and the pass that
-- takes it is judged in its turn. (A gate of Airflow runs some seconds after its build.)
judged as materialized (
    select *
    from windows
    where
        is_judged
        and not exists (
            select 1
            from ops.dirty_meters as marks
            left join ops.batches as batches on marks.batch_id = batches.batch_id
            where
                marks.site_code = windows.site_code
                and marks.meter_code = windows.meter_code
                and marks.starts_at <= windows.region_to_at
                and marks.ends_at >= windows.region_from_at
                and coalesce(batches.status, 'accepted') = 'accepted'
        )
),

-- Window by window: an aggregate of its own lets the planner carry the window's number down to its readings. Joined,
-- the spans of every window would be worked out (23 s for three million readings, for the sake of 50 windows).
spans as (
    select
        judged.site_code,
        judged.meter_code,
        sum(inside.quantity) as span_quantity
    from judged
    cross join lateral (
        select
            sum(
                case
                    when spans.starts_us >= judged.emit_from_us and spans.ends_us <= judged.emit_to_us
                        then spans.quantity
                    else
                        spans.quantity
                        * (least(spans.ends_us, judged.emit_to_us) - greatest(spans.starts_us, judged.emit_from_us))
                        / (spans.ends_us - spans.starts_us)
                end
            ) as quantity
        from intermediate.int_meters__spans as spans
        where
            spans.site_code = judged.site_code
            and spans.window_number = judged.window_number
            and spans.quantity is not null
            and spans.starts_us < judged.emit_to_us
            and (
                spans.ends_us > judged.emit_from_us
                or (spans.ends_us = spans.starts_us and spans.starts_us >= judged.emit_from_us)
            )
    ) as inside
    group by judged.site_code, judged.meter_code
),

hours as (
    select
        judged.site_code,
        judged.meter_code,
        sum(hours.quantity) as hour_quantity
    from judged
    inner join intermediate.int_meters__hours as hours
        on
            judged.site_code = hours.site_code
            and judged.meter_code = hours.meter_code
            and judged.emit_from_at <= hours.hour_start
            and judged.emit_to_at > hours.hour_start
    group by judged.site_code, judged.meter_code
)

select
    coalesce(spans.site_code, hours.site_code) as site_code,
    coalesce(spans.meter_code, hours.meter_code) as meter_code,
    coalesce(spans.span_quantity, 0) as span_quantity,
    coalesce(hours.hour_quantity, 0) as hour_quantity,
    coalesce(hours.hour_quantity, 0) - coalesce(spans.span_quantity, 0) as difference
from spans
full outer join hours on spans.site_code = hours.site_code and spans.meter_code = hours.meter_code
