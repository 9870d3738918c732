-- Bring the outbox of one destination to what the marts hold of some periods. One statement, one snapshot: a value
-- that was sent moves to the sent values in the same instant in which another takes its place.
--
-- %(stat_types)s, %(from_date)s, %(to_date)s (naive, half-open) say which periods; %(codes)s which items (null: all).
with unjudged as (
    select coalesce(range_agg(daterange(starts_on, ends_on)), '{}'::datemultirange) as days
    from ops.unjudged
    where site_code = %(site)s
),

candidates as materialized (
    select distinct on (figures.data_code, figures.stat_type, figures.stat_date)
        figures.data_code,
        figures.stat_type,
        figures.stat_date,
        figures.value::numeric(32, 10) as value,
        figures.convert_ratio,
        figures.input_type,
        figures.scope,
        figures.is_valid,
        figures.is_manual,
        -- Nothing leaves before the gate over the marts has passed it. The figure of a closed period stands.
        not figures.is_closed and unjudged.days && ops.days_of_upload(figures.stat_type, figures.stat_date) as is_held
    from marts.upload_values as figures
    cross join unjudged
    where
        figures.site_code = %(site)s
        and figures.destination in ('*', %(destination)s)
        and figures.stat_type = any(%(stat_types)s)
        and figures.stat_date >= %(from_date)s
        and figures.stat_date < %(to_date)s
        and figures.ends_at <= %(now)s
        and (%(codes)s::text[] is null or figures.data_code = any(%(codes)s))
        -- An item of the destination's own takes the place of the one for all, also where it has no figure.
        and (
            figures.destination = %(destination)s
            or not exists (
                select 1 from ledger.upload_items as own
                where
                    own.site_code = figures.site_code
                    and own.data_code = figures.data_code
                    and own.destination = %(destination)s
            )
        )
    -- What is entered for this destination alone goes before what is for all.
    order by figures.data_code, figures.stat_type, figures.stat_date, figures.destination = '*'
),

fresh as (
    select * from candidates where not is_held
),

-- A figure that the marts no longer hold. Once sent it can't be taken back: it is sent again, flagged invalid.
withdrawn as materialized (
    select
        outbox.data_code,
        outbox.stat_type,
        outbox.stat_date,
        outbox.value,
        outbox.convert_ratio,
        outbox.input_type,
        outbox.scope,
        false as is_valid,
        false as is_manual,
        outbox.sent_at is null and outbox.version = 1 as is_unknown_there
    from ops.upload_outbox as outbox
    cross join unjudged
    where
        outbox.site_code = %(site)s
        and outbox.destination = %(destination)s
        and outbox.stat_type = any(%(stat_types)s)
        and outbox.stat_date >= %(from_date)s
        and outbox.stat_date < %(to_date)s
        and (%(codes)s::text[] is null or outbox.data_code = any(%(codes)s))
        and not exists (
            select 1 from candidates
            where
                candidates.data_code = outbox.data_code
                and candidates.stat_type = outbox.stat_type
                and candidates.stat_date = outbox.stat_date
        )
        and not unjudged.days && ops.days_of_upload(outbox.stat_type, outbox.stat_date)
        -- What nobody uploads any more stays as it was.
        and exists (
            select 1 from ledger.upload_items as items
            where
                items.site_code = outbox.site_code
                and items.data_code = outbox.data_code
                and items.destination in ('*', outbox.destination)
                and coalesce(items.retired_on > (%(now)s::timestamptz at time zone 'UTC')::date, true)
        )
),

forgotten as (
    delete from ops.upload_outbox as outbox
    using withdrawn
    where
        withdrawn.is_unknown_there
        and outbox.site_code = %(site)s
        and outbox.destination = %(destination)s
        and outbox.data_code = withdrawn.data_code
        and outbox.stat_type = withdrawn.stat_type
        and outbox.stat_date = withdrawn.stat_date
    returning 1
),

wanted as (
    select data_code, stat_type, stat_date, value, convert_ratio, input_type, scope, is_valid, is_manual from fresh
    union all
    select data_code, stat_type, stat_date, value, convert_ratio, input_type, scope, is_valid, is_manual
    from withdrawn
    where not is_unknown_there
),

changed as materialized (
    select
        wanted.*,
        outbox.data_code is null as is_new,
        outbox.sent_at is not null as was_sent
    from wanted
    left join ops.upload_outbox as outbox
        on
            outbox.site_code = %(site)s
            and outbox.destination = %(destination)s
            and outbox.data_code = wanted.data_code
            and outbox.stat_type = wanted.stat_type
            and outbox.stat_date = wanted.stat_date
    where
        outbox.data_code is null
        or (outbox.value, outbox.convert_ratio, outbox.input_type, outbox.scope, outbox.is_valid)
        is distinct from (wanted.value, wanted.convert_ratio, wanted.input_type, wanted.scope, wanted.is_valid)
),

kept as (
    insert into ops.upload_sent_values (
        site_code, destination, data_code, stat_type, stat_date, version, value, convert_ratio, is_valid, input_type,
        scope, status, filled_at, sent_at, acked_at, replaced_at
    )
    select
        outbox.site_code,
        outbox.destination,
        outbox.data_code,
        outbox.stat_type,
        outbox.stat_date,
        outbox.version,
        outbox.value,
        outbox.convert_ratio,
        outbox.is_valid,
        outbox.input_type,
        outbox.scope,
        outbox.status,
        outbox.filled_at,
        outbox.sent_at,
        outbox.acked_at,
        %(now)s
    from ops.upload_outbox as outbox
    inner join changed
        on
            outbox.data_code = changed.data_code
            and outbox.stat_type = changed.stat_type
            and outbox.stat_date = changed.stat_date
    where outbox.site_code = %(site)s and outbox.destination = %(destination)s and changed.was_sent
    returning 1
),

put as (
    insert into ops.upload_outbox as outbox (
        site_code, destination, data_code, stat_type, stat_date, value, convert_ratio, input_type, scope, is_valid,
        origin, next_attempt_at, filled_at
    )
    select
        %(site)s,
        %(destination)s,
        data_code,
        stat_type,
        stat_date,
        value,
        convert_ratio,
        input_type,
        scope,
        is_valid,
        case when is_manual then 'manual' else 'scheduled' end,
        %(now)s,
        %(now)s
    from changed
    order by data_code, stat_type, stat_date
    on conflict (site_code, destination, data_code, stat_type, stat_date) do update
    set
        value = excluded.value,
        convert_ratio = excluded.convert_ratio,
        input_type = excluded.input_type,
        scope = excluded.scope,
        is_valid = excluded.is_valid,
        origin = case when outbox.sent_at is not null or outbox.version > 1 then 'correction' else excluded.origin end,
        version = outbox.version + (outbox.sent_at is not null)::integer,
        status = 1,
        attempts = 0,
        next_attempt_at = excluded.next_attempt_at,
        last_code = null,
        last_message = null,
        filled_at = excluded.filled_at,
        sent_at = null,
        acked_at = null
    returning 1
)

select
    (select count(*) from put) as filled,
    (select count(*) from kept) as corrected,
    (select count(*) from forgotten) as forgotten,
    (select count(*) from candidates where is_held) as held
