-- A month that comes whole (a plant's history) is copied into a table of its own, which has no index yet and needs no
-- log, and attached with all of its rows: that takes 0.7 of the time of an attached one. Both halves belong into one
-- transaction; until its end nobody else makes or retires a month, and nobody who reads or writes other months waits.
create function raw.begin_readings_month(month date) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    first_day date := date_trunc('month', month)::date;
    partition_name text := 'readings_' || to_char(first_day, 'YYYYMM');
begin
    if to_regclass('raw.' || partition_name) is not null then
        return false;
    end if;
    -- One maker at a time, and none while a month is retired; readers and writers are not in the way. (No
    -- advisory lock: only taking a relation's lock makes what another maker has just committed visible.)
    lock table raw.readings in share update exclusive mode;
    if first_day::timestamp at time zone 'UTC' < raw.retention_edge() then
        raise exception '% lies before the retention edge %', to_char(first_day, 'YYYY-MM'), raw.retention_edge()
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    if to_regclass('raw.' || partition_name) is not null then
        return false;
    end if;
    execute format(
        'create table raw.%I (like raw.readings including all excluding indexes excluding statistics)', partition_name
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
    partition_name text := 'readings_' || to_char(first_day, 'YYYYMM');
begin
    -- With it come the indexes. A reading of another month among its rows makes it fail.
    execute format(
        'alter table raw.readings attach partition raw.%I for values from (%L) to (%L)',
        partition_name, first_day::timestamp at time zone 'UTC',
        (first_day + interval '1 month') at time zone 'UTC'
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
