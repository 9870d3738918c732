-- What the platform says it holds (theirs) beside what it has acknowledged (ours), of periods that begin from %(first)s up
-- to %(after)s (naive, half-open); each difference becomes a row.
with theirs as (
    select *
    from unnest(%(codes)s::text[], %(types)s::smallint[], %(dates)s::timestamp[], %(values)s::numeric[])
        as given (data_code, stat_type, stat_date, value)
),

ours as (
    select
        data_code,
        stat_type,
        stat_date,
        value
    from ops.upload_outbox
    where
        site_code = %(site)s
        and destination = %(destination)s
        and status = 2
        and stat_date >= %(first)s
        and stat_date < %(after)s
)

insert into ops.upload_differences (
    site_code, destination, data_code, stat_type, stat_date, ours, theirs, kind, found_at
)
select
    %(site)s,
    %(destination)s,
    data_code,
    stat_type,
    stat_date,
    ours.value,
    theirs.value,
    case
        when theirs.value is null then 'missing_there'
        when ours.value is null then 'unknown_here'
        else 'other_value'
    end,
    %(now)s
from ours
full join theirs using (data_code, stat_type, stat_date)
where
    ours.value is distinct from theirs.value
    -- What is on its way, or was refused, is no difference.
    and not exists (
        select 1 from ops.upload_outbox as unsent
        where
            unsent.site_code = %(site)s
            and unsent.destination = %(destination)s
            and unsent.status <> 2
            and unsent.data_code = coalesce(ours.data_code, theirs.data_code)
            and unsent.stat_type = coalesce(ours.stat_type, theirs.stat_type)
            and unsent.stat_date = coalesce(ours.stat_date, theirs.stat_date)
    )
