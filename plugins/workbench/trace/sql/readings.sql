-- Every reading of meters that decides some hours, with its verdict, and how much of the hours rests on it: an
-- outside check of fct_meter_hourly by the rules of contract §2, from the readings and the meter's events alone.
-- site_code; meter_codes, bounds_from, bounds_to: meters and the instants between which their readings are looked at;
-- least_from, greatest_to: the least and the greatest of those; starts_at, ends_at: the hours, half-open
with {judged_readings},

meters as (
    select *, make_interval(secs => interval_minutes * 60) as spacing
    from ledger.meters
    where site_code = %(site_code)s::text and meter_code = any(%(meter_codes)s::text[])
),

events as (
    select
        *,
        row_number() over (partition by meter_code order by event_at, kind) as event_number,
        kind = 'ratio_changed' and old_last_reading is null and new_first_reading is null as is_soft_cut
    from ledger.meter_events
    where site_code = %(site_code)s::text and meter_code = any(%(meter_codes)s::text[])
),

-- The parts of a meter's life between its events.
cuts as (
    select
        meter_code, 0 as part_number, '-infinity'::timestamptz as starts_at, null::numeric as first_reading,
        false as is_soft_cut
    from meters
    union all
    select
        meter_code, event_number as part_number, event_at as starts_at,
        case kind
            when 'reset' then coalesce(new_first_reading, 0)
            when 'ratio_changed' then coalesce(new_first_reading, old_last_reading)
            else new_first_reading
        end as first_reading,
        is_soft_cut
    from events
),

parts as (
    select
        cuts.meter_code,
        cuts.part_number,
        cuts.starts_at,
        cuts.first_reading,
        sum(case when cuts.is_soft_cut then 0 else 1 end)
            over (partition by cuts.meter_code order by cuts.part_number) as run_number,
        coalesce(
            lead(cuts.starts_at) over (partition by cuts.meter_code order by cuts.part_number), 'infinity'
        ) as ends_at,
        closing.old_last_reading as last_reading,
        coalesce(
            (
                select events.new_multiplier from events
                where
                    events.meter_code = cuts.meter_code
                    and events.event_number <= cuts.part_number
                    and events.new_multiplier is not null
                order by events.event_number desc
                limit 1
            ), meters.multiplier
        ) as multiplier,
        coalesce(
            (
                select events.new_register_max from events
                where
                    events.meter_code = cuts.meter_code
                    and events.event_number <= cuts.part_number
                    and events.new_register_max is not null
                order by events.event_number desc
                limit 1
            ), meters.register_max
        ) as register_max,
        meters.reading_kind,
        meters.max_per_hour
    from cuts
    inner join meters on cuts.meter_code = meters.meter_code
    left join events as closing
        on cuts.meter_code = closing.meter_code and cuts.part_number + 1 = closing.event_number
),

-- What the counter showed, by a reading or by an event's record.
points as (
    select
        judged.meter_code, parts.part_number, judged.read_at, judged.value, 1 as point_order, judged.copy
    from judged
    inner join parts
        on
            judged.meter_code = parts.meter_code
            and judged.read_at >= parts.starts_at
            and judged.read_at < parts.ends_at
    where judged.verdict = 'accepted' and parts.reading_kind in ('register', 'manual')
    union all
    select
        parts.meter_code, parts.part_number, shown.read_at, shown.value, shown.point_order, null::bigint as copy
    from parts
    inner join bounds on parts.meter_code = bounds.meter_code
    cross join lateral (
        values (parts.starts_at, parts.first_reading, 0), (parts.ends_at, parts.last_reading, 2)
    ) as shown (read_at, value, point_order)
    where
        parts.reading_kind in ('register', 'manual')
        and shown.value is not null
        and shown.read_at >= bounds.from_at
        and shown.read_at <= bounds.to_at
),

pairs as (
    select
        points.*,
        lag(points.part_number) over along as from_part_number,
        lag(points.read_at) over along as previous_at,
        lag(points.value) over along as previous_value,
        lag(parts.multiplier) over along as multiplier,
        lag(parts.register_max) over along as register_max,
        parts.max_per_hour
    from points
    inner join parts on points.meter_code = parts.meter_code and points.part_number = parts.part_number
    window along as (
        partition by points.meter_code, parts.run_number
        order by points.part_number, points.read_at, points.point_order
    )
),

stepped as (
    select
        *,
        value - previous_value + case when value < previous_value then coalesce(register_max, 0) else 0 end as step,
        extract(epoch from read_at - previous_at) as span_seconds
    from pairs
),

steps as (
    select
        *,
        step >= 0
        and case
            when max_per_hour is not null then step * multiplier * 3600 <= max_per_hour * span_seconds
            when value < previous_value then step * 2 < register_max
            else true
        end as is_plausible
    from stepped
),

timed as (
    select
        judged.meter_code,
        judged.copy,
        judged.read_at,
        judged.value,
        meters.reading_kind,
        meters.spacing,
        case
            when meters.reading_kind = 'interval' and meters.interval_label = 'end'
                then judged.read_at - meters.spacing
            else judged.read_at
        end as starts_at,
        lead(judged.read_at) over (partition by judged.meter_code order by judged.read_at) as next_at
    from judged
    inner join meters on judged.meter_code = meters.meter_code
    where judged.verdict = 'accepted' and meters.reading_kind in ('interval', 'rate')
),

held as (
    select
        *,
        case
            when reading_kind = 'rate' and next_at <= starts_at + 3 * spacing then next_at
            else starts_at + spacing
        end as ends_at
    from timed
),

-- Quantities over spans of time; what an event cuts is several, each with the multiplier of its part.
spans as (
    select
        steps.meter_code,
        steps.copy,
        steps.read_at,
        steps.point_order,
        greatest(steps.previous_at, parts.starts_at) as starts_at,
        least(steps.read_at, parts.ends_at) as ends_at,
        parts.multiplier,
        case
            when steps.from_part_number = steps.part_number then steps.step * parts.multiplier
            else
                steps.step * parts.multiplier
                * extract(
                    epoch from
                    least(steps.read_at, parts.ends_at) - greatest(steps.previous_at, parts.starts_at)
                ) / steps.span_seconds
        end as quantity
    from steps
    inner join parts
        on
            steps.meter_code = parts.meter_code
            and parts.part_number between steps.from_part_number and steps.part_number
    where
        steps.is_plausible
        and (
            steps.from_part_number = steps.part_number
            or greatest(steps.previous_at, parts.starts_at) < least(steps.read_at, parts.ends_at)
        )
    union all
    select
        held.meter_code,
        held.copy,
        held.read_at,
        1 as point_order,
        greatest(held.starts_at, parts.starts_at) as starts_at,
        least(held.ends_at, parts.ends_at) as ends_at,
        parts.multiplier,
        held.value * parts.multiplier
        * extract(epoch from least(held.ends_at, parts.ends_at) - greatest(held.starts_at, parts.starts_at))
        / case
            when held.reading_kind = 'rate' then 3600
            else extract(epoch from held.ends_at - held.starts_at)
        end as quantity
    from held
    inner join parts
        on
            held.meter_code = parts.meter_code
            and held.starts_at < parts.ends_at
            and held.ends_at > parts.starts_at
),

-- A quantity spreads evenly over its span; one of no length lies in the hour that holds it.
shares as (
    select
        meter_code,
        copy,
        read_at,
        point_order,
        max(multiplier) as multiplier,
        sum(quantity) as quantity,
        sum(
            case
                when ends_at > starts_at
                    then
                        quantity
                        * greatest(
                            extract(
                                epoch from
                                least(ends_at, %(ends_at)s::timestamptz) - greatest(starts_at, %(starts_at)s::timestamptz)
                            ), 0
                        ) / extract(epoch from ends_at - starts_at)
                when starts_at >= %(starts_at)s::timestamptz and starts_at < %(ends_at)s::timestamptz then quantity
                else 0
            end
        ) as quantity_inside
    from spans
    group by meter_code, copy, read_at, point_order
),

-- Of each instant the reading that stands, by the revision that is the highest.
standing as (
    select distinct on (meter_code, read_at) meter_code, read_at, copy, value
    from judged
    where is_sound and revision = standing_revision
    order by meter_code, read_at, copy
),

listed as (
    select
        judged.meter_code,
        judged.read_at,
        'reading' as source,
        judged.value,
        judged.quality,
        judged.revision,
        judged.verdict,
        case judged.verdict
            when 'held' then judged.status_reason
            when 'superseded'
                then '被修订 ' || judged.standing_revision || ' 取代' || coalesce(
                    '（批次 #' || (standing.copy >> 32) || ' 第 ' || (standing.copy & 4294967295) || ' 行，值 '
                    || trim_scale(standing.value) || '）', ''
                )
            when 'repeated'
                then '与批次 #' || (judged.first_copy >> 32) || ' 第 ' || (judged.first_copy & 4294967295) || ' 行相同'
            else judged.reason
        end as reason,
        judged.batch_id,
        judged.line,
        judged.copy,
        1 as point_order
    from judged
    left join standing
        on
            judged.verdict = 'superseded'
            and judged.meter_code = standing.meter_code
            and judged.read_at = standing.read_at
    union all
    select
        meter_code, read_at, 'event' as source, value, null as quality, null as revision, 'event' as verdict,
        case point_order when 0 then '计量器具事件后的起始读数' else '计量器具事件前的末次读数' end as reason,
        null as batch_id, null as line, null as copy, point_order
    from points
    where copy is null
)

select
    listed.meter_code,
    listed.read_at,
    listed.source,
    listed.value,
    listed.quality,
    listed.revision,
    listed.verdict,
    case
        when steps.is_plausible = false then '与前一读数之间的变化不可信，其间用量未知'
        else listed.reason
    end as reason,
    steps.previous_at,
    steps.previous_value,
    steps.step,
    shares.multiplier,
    shares.quantity,
    shares.quantity_inside,
    listed.batch_id,
    batches.file,
    listed.line
from listed
left join steps
    on
        listed.verdict in ('accepted', 'event')
        and listed.meter_code = steps.meter_code
        and listed.read_at = steps.read_at
        and listed.point_order = steps.point_order
        and listed.copy is not distinct from steps.copy
left join shares
    on
        listed.verdict in ('accepted', 'event')
        and listed.meter_code = shares.meter_code
        and listed.read_at = shares.read_at
        and listed.point_order = shares.point_order
        and listed.copy is not distinct from shares.copy
left join ops.batches as batches on listed.batch_id = batches.batch_id
order by array_position(%(meter_codes)s::text[], listed.meter_code), listed.read_at, listed.point_order,
    listed.revision, listed.batch_id, listed.line
