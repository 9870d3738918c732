-- ---------------------------------------------------------------- who and why
-- A session says who acts and why in the settings nengduan.actor and nengduan.reason (ingestion/authorship.py);
-- one that says nothing is known by its login. Batches from before have neither.
alter table ops.batches add column actor text, add column reason text;
alter table ops.batches
alter column actor set default coalesce(nullif(current_setting('nengduan.actor', true), ''), session_user::text),
alter column reason set default nullif(current_setting('nengduan.reason', true), '');
comment on column ops.batches.actor is 'Who brought the file: user of the command line, or name of the DAG run.';
comment on column ops.batches.reason is 'Why, in the words of who brought it.';

-- ---------------------------------------------------------------- changes of the ledgers
create table ledger.changes (
    change_id bigint generated always as identity,
    site_code text not null,
    table_name text not null,              -- without its schema
    row_key jsonb not null,                -- the primary key's columns
    operation text not null check (operation in ('insert', 'update', 'delete')),
    before jsonb,                          -- whole rows, without batch_id and recorded_at
    after jsonb,
    changed_at timestamptz not null default now(),   -- of the transaction: one import, one instant
    changed_by text not null,
    reason text,
    batch_id bigint,
    primary key (site_code, change_id),
    check ((before is null) = (operation = 'insert') and (after is null) = (operation = 'delete'))
);
comment on table ledger.changes is 'One row per change of a ledger row: before, after, who, when, why. Append-only, written by triggers.';
create index on ledger.changes (site_code, table_name, row_key, change_id);
create index on ledger.changes (batch_id);

-- The expression that gives a row's key, by the table's primary key.
create function ledger.key_expression(kept oid) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
    select format('jsonb_build_object(%s)', string_agg(format('%L, one.%I', attname, attname), ', ' order by place))
    from pg_index
    cross join unnest(indkey::smallint[]) with ordinality as key_columns (number, place)
    inner join pg_attribute on attrelid = indrelid and attnum = number
    where indrelid = kept and indisprimary
$$;

-- One function for all tables, once per statement and not per row: a first import of 100,000 meters is one statement.
-- It runs with its owner's rights, so that nobody else needs (or has) the right to write history. Times in
-- JSON are in UTC whatever the session is set to, for a key has to read the same each time.
create function ledger.note_changes() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
    noise constant text[] := array['batch_id', 'recorded_at'];
    actor constant text := coalesce(nullif(current_setting('nengduan.actor', true), ''), session_user::text);
    reason constant text := nullif(current_setting('nengduan.reason', true), '');
    batch constant bigint := nullif(current_setting('nengduan.batch', true), '')::bigint;
    row_key constant text := ledger.key_expression(tg_relid);
    own_batch constant text := (
        select case when count(*) = 1 then 'one.batch_id' else 'null::bigint' end
        from pg_attribute where attrelid = tg_relid and attname = 'batch_id'
    );
    new_state constant text := format(
        'select one.site_code, %s as row_key, to_jsonb(one) - $1 as content, %s as batch_id from new_rows as one',
        row_key, own_batch
    );
    old_state constant text := format(
        'select one.site_code, %s as row_key, to_jsonb(one) - $1 as content from %s as one',
        row_key, case when tg_op = 'TRUNCATE' then tg_relid::regclass::text else 'old_rows' end
    );
    change constant text := 'insert into ledger.changes'
        ' (site_code, table_name, row_key, operation, before, after, changed_by, reason, batch_id) ';
begin
    if tg_op = 'INSERT' then
        execute change || format(
            'select site_code, $2, row_key, ''insert'', null, content, $3, $4, coalesce($5, batch_id) from (%s) as now',
            new_state
        ) using noise, tg_table_name, actor, reason, batch;
    elsif tg_op = 'UPDATE' then
        -- A row whose key changed is one that went and one that came.
        execute change || format(
            'select coalesce(now.site_code, was.site_code), $2, coalesce(now.row_key, was.row_key),'
            ' case when was.row_key is null then ''insert'' when now.row_key is null then ''delete'' else ''update'' end,'
            ' was.content, now.content, $3, $4, coalesce($5, now.batch_id)'
            ' from (%s) as now full join (%s) as was on now.row_key = was.row_key'
            ' where now.content is distinct from was.content',
            new_state, old_state
        ) using noise, tg_table_name, actor, reason, batch;
    else
        execute change || format(
            'select site_code, $2, row_key, ''delete'', content, null, $3, $4, $5 from (%s) as was', old_state
        ) using noise, tg_table_name, actor, reason, batch;
    end if;
    return null;
end $$;

-- The one way to put a table under history: an empty one, as a migration makes it.
create function ledger.keep_history(kept regclass) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    execute format(
        'create trigger history_of_inserts after insert on %s referencing new table as new_rows'
        ' for each statement execute function ledger.note_changes()', kept
    );
    execute format(
        'create trigger history_of_updates after update on %s referencing old table as old_rows new table as new_rows'
        ' for each statement execute function ledger.note_changes()', kept
    );
    execute format(
        'create trigger history_of_deletes after delete on %s referencing old table as old_rows'
        ' for each statement execute function ledger.note_changes()', kept
    );
    execute format(
        'create trigger history_of_truncation before truncate on %s'
        ' for each statement execute function ledger.note_changes()', kept
    );
end $$;

-- What a ledger said at an instant, row by row; typed again by jsonb_populate_record(null::ledger.meters, row).
create function ledger.as_of(site_code text, table_name text, instant timestamptz) returns setof jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (
        select from pg_trigger
        where tgrelid = to_regclass(format('ledger.%I', as_of.table_name)) and tgname = 'history_of_inserts'
    ) then
        raise undefined_table using message = format('ledger.%s keeps no history', as_of.table_name);
    end if;
    return query
    select newest.after
    from (
        select distinct on (changes.row_key) changes.after
        from ledger.changes as changes
        where
            changes.site_code = as_of.site_code
            and changes.table_name = as_of.table_name
            and changes.changed_at <= as_of.instant
        order by changes.row_key, changes.change_id desc
    ) as newest
    where newest.after is not null;
end $$;

-- Rows from before this migration are noted as they stand: what they said earlier, and who wrote them, nobody knows.
do $$
declare
    kept regclass;
    own_columns text;
begin
    set local timezone = 'UTC';
    for kept in
        select oid from pg_class
        where relnamespace = 'ledger'::regnamespace and relkind in ('r', 'p') and oid <> 'ledger.changes'::regclass
        order by relname
    loop
        execute format(
            'insert into ledger.changes'
            ' (site_code, table_name, row_key, operation, after, changed_at, changed_by, reason, batch_id)'
            ' select site_code, %L, %s, ''insert'', to_jsonb(one) - array[''batch_id'', ''recorded_at''],'
            ' coalesce((to_jsonb(one) ->> ''recorded_at'')::timestamptz, now()), ''不详'', ''启用变更记录时已在台账中'','
            ' (to_jsonb(one) ->> ''batch_id'')::bigint from %s as one',
            (select relname from pg_class where oid = kept), ledger.key_expression(kept), kept
        );
        perform ledger.keep_history(kept);
    end loop;
    -- Terms carry no time of their own; they were written with their flows.
    update ledger.changes as terms set changed_at = flows.recorded_at, batch_id = flows.batch_id
    from ledger.flows as flows
    where
        terms.table_name = 'flow_terms'
        and terms.site_code = flows.site_code
        and terms.row_key ->> 'flow_code' = flows.flow_code;
end $$;

-- ---------------------------------------------------------------- corrected readings
-- Corrections are few: the index knows only them.
create index readings_revised on raw.readings (site_code, meter_code, read_at) where revision > 0;

create view ops.reading_corrections as
with corrected as (
    select distinct on (site_code, meter_code, read_at, revision, value)
        site_code, meter_code, read_at, revision, value, quality, batch_id, line
    from raw.readings
    where revision > 0
    order by site_code, meter_code, read_at, revision, value, batch_id, line
)

select
    corrected.site_code,
    corrected.meter_code,
    corrected.read_at,
    earlier.value as old_value,
    earlier.revision as old_revision,
    earlier.quality as old_quality,
    earlier.batch_id as old_batch_id,
    earlier_batches.file as old_file,
    earlier.line as old_line,
    corrected.value as new_value,
    corrected.revision as new_revision,
    corrected.quality as new_quality,
    corrected.batch_id as new_batch_id,
    batches.file as new_file,
    corrected.line as new_line,
    batches.source,
    batches.status as batch_status,
    batches.actor as corrected_by,
    batches.received_at as corrected_at,
    batches.reason
from corrected
inner join ops.batches as batches on corrected.batch_id = batches.batch_id
inner join lateral (
    select distinct on (older.revision, older.value) older.*
    from raw.readings as older
    where
        older.site_code = corrected.site_code
        and older.meter_code = corrected.meter_code
        and older.read_at = corrected.read_at
        and older.revision = (
            select max(lower_ones.revision)
            from raw.readings as lower_ones
            where
                lower_ones.site_code = corrected.site_code
                and lower_ones.meter_code = corrected.meter_code
                and lower_ones.read_at = corrected.read_at
                and lower_ones.revision < corrected.revision
        )
    order by older.revision, older.value, older.batch_id, older.line
) as earlier on true
inner join ops.batches as earlier_batches on earlier.batch_id = earlier_batches.batch_id;
comment on view ops.reading_corrections is 'One row per reading with a higher revision and value it replaced (several where those disputed each other), however it came: nengduan correct (source = correction) or a file.';

-- ---------------------------------------------------------------- rights
revoke all on function
ledger.key_expression(oid), ledger.note_changes(), ledger.keep_history(regclass), ledger.as_of(text, text, timestamptz)
from public;
grant execute on function ledger.as_of(text, text, timestamptz) to nengduan_transform, nengduan_audit;
grant select on ledger.changes to nengduan_transform, nengduan_audit;
grant select on ops.reading_corrections to nengduan_audit;
