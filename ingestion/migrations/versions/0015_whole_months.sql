-- A month that comes whole (a plant's history) is copied into a table of its own, which has no index yet and needs no
-- log, and attached with all of its rows. Both halves belong into one transaction (decision 0016).
create function raw.begin_readings_month(month date) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    first_day date := date_trunc('month', month)::date;
    partition_name text := 'readings_' || to_char(first_day, 'YYYYMM');
    form text;
begin
    if to_regclass('raw.' || partition_name) is not null then
        return false;
    end if;
    -- One maker of a month at a time. Whoever waited looks at the catalog by a query, which sees what another maker has
    -- just committed; a name looked up would not.
    perform pg_advisory_xact_lock(hashtext('raw.readings'), to_char(first_day, 'YYYYMM')::integer);
    if exists (select from pg_class where relnamespace = 'raw'::regnamespace and relname = partition_name) then
        return false;
    end if;
    if first_day::timestamp at time zone 'UTC' < raw.retention_edge() then
        raise exception '% lies before the retention edge %', to_char(first_day, 'YYYY-MM'), raw.retention_edge()
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    -- Like the newest month, if there is one: a lock on raw.readings itself would be held against whoever retires one.
    select max(pg_class.relname) into form
    from pg_inherits
    inner join pg_class on pg_inherits.inhrelid = pg_class.oid
    where pg_inherits.inhparent = 'raw.readings'::regclass and pg_class.relname ~ '^readings_[0-9]{6}$';
    execute format(
        'create table raw.%I (like raw.%I including all excluding indexes excluding statistics)',
        partition_name, coalesce(form, 'readings')
    );
    execute format('grant select, insert on raw.%I to nengduan_ingest', partition_name);
    return true;
end $$;
comment on function raw.begin_readings_month(date) is 'Make the table of a month that is not there, apart from raw.readings; false where it is there. attach_readings_month has to follow in the same transaction.';
revoke all on function raw.begin_readings_month(date) from public;
grant execute on function raw.begin_readings_month(date) to nengduan_ingest;

create function raw.attach_readings_month(month date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    first_day date := date_trunc('month', month)::date;
    starts_at timestamptz := first_day::timestamp at time zone 'UTC';
    partition_name text := 'readings_' || to_char(first_day, 'YYYYMM');
begin
    -- None while a month is retired; readers and writers are not in the way.
    lock table raw.readings in share update exclusive mode;
    if starts_at < raw.retention_edge() then
        raise exception '% lies before the retention edge %', to_char(first_day, 'YYYY-MM'), raw.retention_edge()
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    -- With it come the indexes. A reading of another month among its rows makes it fail.
    execute format(
        'alter table raw.readings attach partition raw.%I for values from (%L) to (%L)',
        partition_name, starts_at, (first_day + interval '1 month') at time zone 'UTC'
    );
    execute format('grant select on raw.%I to nengduan_transform, nengduan_audit', partition_name);
    perform raw.fit_readings_month(partition_name);
end $$;
comment on function raw.attach_readings_month(date) is 'Make the table of a month, begun in this transaction, part of raw.readings.';
revoke all on function raw.attach_readings_month(date) from public;
grant execute on function raw.attach_readings_month(date) to nengduan_ingest;

create or replace function raw.ensure_readings_month(month date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if raw.begin_readings_month(month) then
        perform raw.attach_readings_month(month);
    end if;
end $$;
