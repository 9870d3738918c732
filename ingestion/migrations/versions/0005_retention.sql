create schema archive;
comment on schema archive is 'Months of raw.readings past their retention, as they were; nothing reads them.';
grant usage on schema archive to nengduan_audit;

create table ops.retired_months (
    month date primary key,                -- first day of the UTC month that left raw.readings
    ends_at timestamptz not null,          -- readings before this instant are refused from then on
    action text not null check (action in ('detach', 'drop')),
    readings bigint not null,
    kept_readings bigint not null,         -- rows of raw.readings_before_edge after it
    retired_at timestamptz not null default now()
);
comment on table ops.retired_months is 'One row per month of raw.readings that was retired; the latest ends_at is the retention edge.';

create table ops.retention_edges (
    site_code text not null,
    meter_code text not null,
    frozen_before timestamptz not null,    -- a full hour: hours of this meter before it are never written again
    closed_before timestamptz not null,    -- the retention edge when the meter was last looked at
    kept_from timestamptz not null,        -- from here on its readings are in raw.readings, before it they are not
    primary key (site_code, meter_code)
);
comment on table ops.retention_edges is 'One row per meter that had readings before the retention edge. Builds neither delete nor write hours, events and refusals before frozen_before.';

grant select on ops.retired_months, ops.retention_edges to nengduan_ingest, nengduan_transform, nengduan_audit;

create function raw.retention_edge() returns timestamptz
language sql stable set search_path = pg_catalog, pg_temp as $$
    select coalesce(max(ends_at), '-infinity') from ops.retired_months
$$;
comment on function raw.retention_edge() is 'Readings before this instant are refused; -infinity while no month was retired.';

-- A month is written once and then only read: it is vacuumed (which lets scans of its indexes skip the heap)
-- and analysed by the number of rows that came, not by a share that grows with the month.
create function raw.fit_readings_month(partition_name text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    execute format(
        'alter table raw.%I set (autovacuum_vacuum_insert_threshold = 100000, '
        'autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_threshold = 50000, '
        'autovacuum_analyze_scale_factor = 0.02)', partition_name
    );
    -- A meter belongs to one site. Without this the two columns' shares are multiplied: of 100 sites with 10
    -- meters each, 39 readings were expected of a meter that had 4100, and 100 000 meters in place of 1000.
    execute format(
        'create statistics (ndistinct, dependencies) on site_code, meter_code from raw.%I', partition_name
    );
end $$;
revoke all on function raw.fit_readings_month(text) from public;

create statistics (ndistinct, dependencies) on site_code, meter_code from raw.readings;
select raw.fit_readings_month(relname)
from pg_class
where relnamespace = 'raw'::regnamespace and relkind = 'r' and relispartition and relname ~ '^readings_[0-9]{6}$';

create or replace function raw.ensure_readings_month(month date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    first_day date := date_trunc('month', month)::date;
    starts_at timestamptz := first_day::timestamp at time zone 'UTC';
    partition_name text := 'readings_' || to_char(first_day, 'YYYYMM');
begin
    if to_regclass('raw.' || partition_name) is not null then
        return;
    end if;
    -- One maker at a time, and none while a month is retired; readers and writers are not in the way. (No
    -- advisory lock: only taking a relation's lock makes what another maker has just committed visible.)
    lock table raw.readings in share update exclusive mode;
    if starts_at < raw.retention_edge() then
        raise exception '% lies before the retention edge %', to_char(first_day, 'YYYY-MM'), raw.retention_edge()
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    if to_regclass('raw.' || partition_name) is null then
        -- Made apart and attached: that waits for nobody who reads or writes other months, and nobody for it.
        execute format('create table raw.%I (like raw.readings including all)', partition_name);
        execute format(
            'alter table raw.readings attach partition raw.%I for values from (%L) to (%L)',
            partition_name, starts_at, (first_day + interval '1 month') at time zone 'UTC'
        );
        execute format('grant select, insert on raw.%I to nengduan_ingest', partition_name);
        execute format('grant select on raw.%I to nengduan_transform, nengduan_audit', partition_name);
        perform raw.fit_readings_month(partition_name);
    end if;
end $$;

-- The last line of defence: landing refuses such rows by name and reason before they come here.
create function raw.refuse_before_edge() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'A reading of %, %, at % lies before the retention edge %',
        new.site_code, new.meter_code, new.read_at, raw.retention_edge()
        using errcode = 'check_violation';
end $$;

-- The newest instants of a meter before `until` at which a reading counts, newest first. Of an instant the
-- highest revision among the sound rows decides (contract §2): it counts when the rules have not refused it.
create function raw.newest_accepted(of_site text, of_meter text, until timestamptz, wanted integer)
returns timestamptz[]
language sql stable set search_path = pg_catalog, pg_temp as $$
    select coalesce(array_agg(instants.read_at order by instants.read_at desc), '{}')
    from (
        select readings.read_at
        from raw.readings as readings
        inner join ops.batches as batches
            on readings.batch_id = batches.batch_id and batches.status = 'accepted'
        left join quarantine.rejected_by_rules as rejected
            on
                readings.site_code = rejected.site_code
                and readings.meter_code = rejected.meter_code
                and readings.read_at = rejected.read_at
                and readings.batch_id = rejected.batch_id
                and readings.line = rejected.line
        where readings.site_code = of_site and readings.meter_code = of_meter and readings.read_at < until
        group by readings.read_at
        having
            max(readings.revision) filter (where rejected.reason_code is null)
            > coalesce(
                max(readings.revision) filter (
                    where rejected.reason_code not in ('unknown_meter', 'bad_quality', 'future_stamp')
                ), -1
            )
        order by readings.read_at desc
        limit wanted
    ) as instants
$$;
revoke all on function raw.newest_accepted(text, text, timestamptz, integer) from public;

create function raw.retirement_obstacles(month date, kept_months integer) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    first_day date := date_trunc('month', month)::date;
    starts timestamptz := first_day::timestamp at time zone 'UTC';
    ends timestamptz := (first_day + interval '1 month') at time zone 'UTC';
    partition_name text := 'readings_' || to_char(first_day, 'YYYYMM');
    oldest text;
    counted bigint;
    named text;
    is_computed boolean;
begin
    if month is null or kept_months is null or kept_months < 6 then
        return next 'readings are kept for 6 months at least';
        return;
    end if;
    if ends > (date_trunc('month', now() at time zone 'UTC') - make_interval(months => kept_months)) at time zone 'UTC'
    then
        return next format('it is not yet older than %s months', kept_months);
    end if;
    select min(partitions.relname) into oldest
    from pg_inherits
    inner join pg_class as partitions on pg_inherits.inhrelid = partitions.oid
    where pg_inherits.inhparent = 'raw.readings'::regclass and partitions.relname ~ '^readings_[0-9]{6}$';
    if oldest is distinct from partition_name then
        return next format('%s is not the oldest month: that is %s', partition_name, coalesce(oldest, 'none'));
        return;
    end if;
    select count(*), min(file) into counted, named
    from ops.batches
    where kind = 'readings' and status in ('landed', 'held') and rows_landed > 0
        and first_read_at < ends and last_read_at >= starts;
    if counted > 0 then
        return next format('%s batches with readings of it are landed or held (%s)', counted, named);
    end if;
    select count(*), min(marks.site_code || ' ' || marks.meter_code) into counted, named
    from ops.dirty_meters as marks
    left join ops.batches as batches on marks.batch_id = batches.batch_id
    where marks.starts_at < ends and batches.status is distinct from 'refused';
    if counted > 0 then
        return next format('%s marks of it wait for a build (%s)', counted, named);
    end if;
    if exists (
        select 1 from ops.batches
        where status = 'accepted' and kind in ('readings', 'ledger') and judged_at >= coalesce(
            (select max((payload ->> 'started_at')::timestamptz) from ops.events where kind = 'marts_built'),
            '-infinity'
        )
    ) then
        return next 'something was accepted and is not yet in the marts';
    end if;
    -- The marts are all that remains of it: a month without hours although it has readings that count is a fault.
    execute format(
        'select exists (select 1 from raw.%I as readings '
        'inner join ops.batches as batches on readings.batch_id = batches.batch_id and batches.status = %L '
        'left join quarantine.rejected_by_rules as rejected on readings.site_code = rejected.site_code '
        'and readings.meter_code = rejected.meter_code and readings.read_at = rejected.read_at '
        'where rejected.site_code is null)', partition_name, 'accepted'
    ) into is_computed;
    if is_computed then
        if to_regclass('marts.fct_meter_hourly') is null then
            return next 'marts.fct_meter_hourly does not exist';
        else
            execute 'select exists (select 1 from marts.fct_meter_hourly where hour_start >= $1 and hour_start < $2)'
            into is_computed using starts - interval '1 day', ends;
            if not is_computed then
                return next 'marts.fct_meter_hourly has no hour of it';
            end if;
        end if;
    end if;
end $$;
comment on function raw.retirement_obstacles(date, integer) is 'Why a month of raw.readings must not be retired now; no row: it may.';
revoke all on function raw.retirement_obstacles(date, integer) from public;
grant execute on function raw.retirement_obstacles(date, integer) to nengduan_ingest;

-- Retires the oldest month, through this one door. What later spans and verdicts need of it (see decision 0011)
-- moves to the partition raw.readings_before_edge, where queries of raw.readings find it as before.
create function raw.retire_readings_month(
    month date, kept_months integer, action text, out readings bigint, out kept_readings bigint
)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '15s' as $$
declare
    first_day date := date_trunc('month', month)::date;
    starts timestamptz := first_day::timestamp at time zone 'UTC';
    ends timestamptz := (first_day + interval '1 month') at time zone 'UTC';
    partition_name text := 'readings_' || to_char(first_day, 'YYYYMM');
    obstacles text;
begin
    if action is null or action not in ('detach', 'drop') then
        raise exception 'action is detach or drop, not %', action using errcode = 'invalid_parameter_value';
    end if;
    -- Nobody lands readings meanwhile; they may still be read until the partitions change hands below.
    lock table raw.readings in share row exclusive mode;
    select string_agg(obstacle, '; ') into obstacles from raw.retirement_obstacles(month, kept_months) as obstacle;
    if obstacles is not null then
        raise exception '% stays: %', to_char(first_day, 'YYYY-MM'), obstacles
            using errcode = 'object_not_in_prerequisite_state';
    end if;

    insert into ops.retention_edges (site_code, meter_code, frozen_before, closed_before, kept_from)
    select frozen.site_code, frozen.meter_code, frozen.frozen_before, ends,
        case
            when cardinality(kept.instants) < 2 then '-infinity'
            else least(kept.instants[2], frozen.frozen_before - 3 * frozen.spacing)
        end
    from (
        select meters.site_code, meters.meter_code, meters.interval_minutes * interval '1 minute' as spacing,
            greatest(
                edges.frozen_before,
                case
                    when cardinality(newest.instants) < 2 then '-infinity'
                    -- A later interval that is stamped at its end reaches back over the edge.
                    when meters.reading_kind = 'interval' and meters.interval_label = 'end'
                        then date_trunc('hour', least(
                            newest.instants[2], ends - meters.interval_minutes * interval '1 minute'
                        ), 'UTC')
                    else date_trunc('hour', newest.instants[2], 'UTC')
                end
            ) as frozen_before
        from ledger.meters as meters
        left join ops.retention_edges as edges
            on meters.site_code = edges.site_code and meters.meter_code = edges.meter_code
        cross join lateral raw.newest_accepted(meters.site_code, meters.meter_code, ends, 2) as newest (instants)
    ) as frozen
    cross join lateral raw.newest_accepted(
        frozen.site_code, frozen.meter_code, frozen.frozen_before + interval '1 microsecond', 2
    ) as kept (instants)
    union all
    -- A meter that no ledger knows: its refusals stay, its readings go to the archive.
    select distinct rejected.site_code, rejected.meter_code, ends, ends, ends
    from quarantine.rejected_by_rules as rejected
    left join ledger.meters as meters
        on rejected.site_code = meters.site_code and rejected.meter_code = meters.meter_code
    where meters.meter_code is null and rejected.read_at < ends
    on conflict (site_code, meter_code) do update
    set frozen_before = excluded.frozen_before, closed_before = excluded.closed_before, kept_from = excluded.kept_from;

    create table raw.readings_before_edge_next (like raw.readings including all);
    insert into raw.readings_before_edge_next
    select readings_.*
    from raw.readings as readings_
    inner join ops.retention_edges as edges
        on readings_.site_code = edges.site_code and readings_.meter_code = edges.meter_code
    where readings_.read_at < ends and readings_.read_at >= edges.kept_from;
    get diagnostics kept_readings = row_count;
    execute format('select count(*) from raw.%I', partition_name) into readings;

    execute format('alter table raw.readings detach partition raw.%I', partition_name);
    if to_regclass('raw.readings_before_edge') is not null then
        alter table raw.readings detach partition raw.readings_before_edge;
        drop table raw.readings_before_edge;
    end if;
    alter table raw.readings_before_edge_next rename to readings_before_edge;
    create trigger refuse_before_edge before insert on raw.readings_before_edge
    for each row execute function raw.refuse_before_edge();
    execute format(
        'alter table raw.readings attach partition raw.readings_before_edge for values from (minvalue) to (%L)', ends
    );
    grant select on raw.readings_before_edge to nengduan_ingest, nengduan_transform, nengduan_audit;
    if action = 'drop' then
        execute format('drop table raw.%I', partition_name);
    else
        execute format('revoke all on raw.%I from nengduan_ingest, nengduan_transform', partition_name);
        execute format('alter table raw.%I set schema archive', partition_name);
    end if;
    insert into ops.retired_months (month, ends_at, action, readings, kept_readings)
    values (first_day, ends, action, readings, kept_readings);
    insert into ops.events (occurred_at, kind, severity, subject, message, payload)
    values (
        now(), 'readings_retired', 'info', to_char(first_day, 'YYYY-MM'),
        format('%s 的原始读数已过保存期（%s 个月），%s', to_char(first_day, 'YYYY-MM'), kept_months,
            case action when 'drop' then '已删除' else '已移入 archive' end),
        jsonb_build_object('action', action, 'readings', readings, 'kept_readings', kept_readings)
    );
end $$;
comment on function raw.retire_readings_month(date, integer, text) is 'Takes the oldest month out of raw.readings: to schema archive (detach) or away (drop). Raises when raw.retirement_obstacles has any.';
revoke all on function raw.retire_readings_month(date, integer, text) from public;
grant execute on function raw.retire_readings_month(date, integer, text) to nengduan_ingest;

-- Statistics and BRIN summaries of our own tables: only their owner may refresh them.
create function ops.analyze_table(of_schema text, of_table text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    kind "char";
begin
    select pg_class.relkind into kind
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where pg_namespace.nspname = of_schema and pg_class.relname = of_table and pg_class.relkind in ('r', 'p')
        and pg_namespace.nspname in ('ledger', 'raw', 'ops', 'quarantine');
    if kind is null then
        raise exception '%.% is no table of ledger, raw, ops or quarantine', of_schema, of_table
            using errcode = 'undefined_table';
    end if;
    -- Of a partitioned table its own statistics only, where the server can (18): its months have theirs.
    if kind = 'p' and current_setting('server_version_num')::integer >= 180000 then
        execute format('analyze only %I.%I', of_schema, of_table);
    else
        execute format('analyze %I.%I', of_schema, of_table);
    end if;
end $$;
revoke all on function ops.analyze_table(text, text) from public;
grant execute on function ops.analyze_table(text, text) to nengduan_ingest;

create function ops.summarize_brin(of_schema text, of_index text) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    found_index oid;
begin
    select pg_class.oid into found_index
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    inner join pg_am on pg_class.relam = pg_am.oid
    where pg_namespace.nspname = of_schema and pg_class.relname = of_index
        and pg_class.relkind = 'i' and pg_am.amname = 'brin'
        and pg_namespace.nspname in ('ledger', 'raw', 'ops', 'quarantine');
    if found_index is null then
        raise exception '%.% is no BRIN index of ledger, raw, ops or quarantine', of_schema, of_index
            using errcode = 'undefined_object';
    end if;
    return brin_summarize_new_values(found_index);
end $$;
revoke all on function ops.summarize_brin(text, text) from public;
grant execute on function ops.summarize_brin(text, text) to nengduan_ingest;
