-- ---------------------------------------------------------------- the acts
-- A closing is written in three steps: the act, its figures (dbt), the seal. Only a sealed closing counts. One
-- that was cut off is abandoned by whoever comes next, its figures with it, and its version is given anew.
create table ops.period_closings (
    closing_id bigint generated always as identity,
    site_code text not null,
    stat_month date not null check (extract(day from stat_month) = 1),
    version integer not null check (version > 0),
    period_start date not null,              -- statistical days, half-open, as the site's calendar was
    period_end date not null,
    timezone text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    closed_at timestamptz not null,
    closed_by text not null check (btrim(closed_by) <> ''),
    reason text not null check (btrim(reason) <> ''),
    missing_figures text[] not null,         -- what was not known, and why; empty: complete
    platform_version text not null,
    models_sha256 text not null,
    accepted_batches int8multirange not null, -- what the figures rest on; set by the trigger
    last_change_id bigint not null,          -- of ledger.changes; set by the trigger
    sealed_at timestamptz,
    figure_rows bigint,
    figures_hash text,
    reopened_at timestamptz,
    reopened_by text check (btrim(reopened_by) <> ''),
    reopen_reason text check (btrim(reopen_reason) <> ''),
    abandoned_at timestamptz,
    abandon_reason text,
    primary key (site_code, closing_id),
    check (closed_at >= ends_at),
    check (num_nulls(sealed_at, figure_rows, figures_hash) in (0, 3)),
    check (num_nulls(reopened_at, reopened_by, reopen_reason) in (0, 3)),
    check (num_nulls(abandoned_at, abandon_reason) in (0, 2)),
    check (reopened_at is null or sealed_at is not null),
    check (abandoned_at is null or sealed_at is null)
);
comment on table ops.period_closings is 'One row per act of closing a month; the act of re-opening is written into the row it ends. Nothing is ever removed.';
create unique index on ops.period_closings (site_code, stat_month) where reopened_at is null and abandoned_at is null;
create unique index on ops.period_closings (site_code, stat_month, version) where abandoned_at is null;

-- ---------------------------------------------------------------- the figures
create table marts.closed_energy_monthly (
    site_code text not null,
    stat_month date not null,
    version integer not null,
    closing_id bigint not null,
    flow_code text not null,
    energy_code text not null,
    energy_name text,
    unit text,
    measured_by text,
    quantity_reason text,
    tce_equivalent_reason text,
    tce_equal_reason text,
    meters text[] not null,
    missing_meters text[] not null,
    coefficients jsonb not null,
    quantity numeric,
    tce_equivalent numeric,
    tce_equal numeric,
    coverage numeric not null,
    estimated_quantity numeric,
    primary key (site_code, stat_month, version, flow_code)
);
comment on table marts.closed_energy_monthly is 'One row per version of a closed month and flow, as it stood when the month was closed.';

create table marts.closed_performance (
    site_code text not null,
    stat_month date not null,
    version integer not null,
    closing_id bigint not null,
    breakdown text not null check (breakdown in ('type', 'level', 'item')),
    energy_code text not null,
    level smallint,
    org_code text,
    equipment_code text,
    item text,
    energy_name text,
    unit text,
    source text,
    quantity_reason text,
    tce_equivalent_reason text,
    tce_equal_reason text,
    stock_reason text,
    coefficients jsonb not null,
    quantity numeric,
    tce_equivalent numeric,
    tce_equal numeric,
    coverage numeric,
    estimated_quantity numeric,
    purchase_quantity numeric,
    export_quantity numeric,
    stock_draw_quantity numeric,
    stock_adjustment_quantity numeric,
    consumption_quantity numeric,
    consumption_tce_equivalent numeric,
    consumption_tce_equal numeric,
    unique nulls not distinct (
        site_code, stat_month, version, breakdown, energy_code, level, org_code, equipment_code, item
    )
);
comment on table marts.closed_performance is 'One row per version of a closed month, breakdown (type, level, item) and what that breaks down by.';

create table marts.closed_comprehensive_energy (
    site_code text not null,
    stat_month date not null,
    version integer not null,
    closing_id bigint not null,
    tce_equivalent_reason text,
    tce_equal_reason text,
    missing_energies text[] not null,
    tce_equivalent numeric,
    tce_equal numeric,
    known_tce_equivalent numeric,
    known_tce_equal numeric,
    primary key (site_code, stat_month, version)
);
comment on table marts.closed_comprehensive_energy is 'One row per version of a closed month: the comprehensive energy consumption as it stood.';

create table marts.closed_comprehensive_energy_composition (
    site_code text not null,
    stat_month date not null,
    version integer not null,
    closing_id bigint not null,
    energy_code text not null,
    component text not null,
    energy_name text,
    unit text,
    energy_class text,
    component_name text,
    counting_rule text not null,
    tce_equivalent_reason text,
    tce_equal_reason text,
    quantity numeric,
    tce_equivalent numeric,
    tce_equal numeric,
    is_counted boolean not null,
    primary key (site_code, stat_month, version, energy_code, component)
);
comment on table marts.closed_comprehensive_energy_composition is 'One row per version of a closed month, energy and component of the comprehensive energy consumption.';

-- ---------------------------------------------------------------- the hash
-- Each row as a JSON array that begins with its table, in the byte order of that text; a line feed ends each.
-- So `psql -At -c "select ops.closed_figures_text(...)" | sha256sum` gives the hash anywhere.
create function ops.closed_figures_text(p_site_code text, p_stat_month date, p_version integer) returns setof text
language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select lines.line
    from (
        select jsonb_build_array(
            'closed_energy_monthly', site_code, stat_month, version, flow_code, energy_code, energy_name, unit,
            measured_by, quantity_reason, tce_equivalent_reason, tce_equal_reason, meters, missing_meters,
            coefficients, quantity, tce_equivalent, tce_equal, coverage, estimated_quantity
        )::text as line
        from marts.closed_energy_monthly
        where site_code = p_site_code and stat_month = p_stat_month and version = p_version
        union all
        select jsonb_build_array(
            'closed_performance', site_code, stat_month, version, breakdown, energy_code, level, org_code,
            equipment_code, item, energy_name, unit, source, quantity_reason, tce_equivalent_reason,
            tce_equal_reason, stock_reason, coefficients, quantity, tce_equivalent, tce_equal, coverage,
            estimated_quantity, purchase_quantity, export_quantity, stock_draw_quantity,
            stock_adjustment_quantity, consumption_quantity, consumption_tce_equivalent, consumption_tce_equal
        )::text
        from marts.closed_performance
        where site_code = p_site_code and stat_month = p_stat_month and version = p_version
        union all
        select jsonb_build_array(
            'closed_comprehensive_energy', site_code, stat_month, version, tce_equivalent_reason,
            tce_equal_reason, missing_energies, tce_equivalent, tce_equal, known_tce_equivalent, known_tce_equal
        )::text
        from marts.closed_comprehensive_energy
        where site_code = p_site_code and stat_month = p_stat_month and version = p_version
        union all
        select jsonb_build_array(
            'closed_comprehensive_energy_composition', site_code, stat_month, version, energy_code, component,
            energy_name, unit, energy_class, component_name, counting_rule, tce_equivalent_reason,
            tce_equal_reason, quantity, tce_equivalent, tce_equal, is_counted
        )::text
        from marts.closed_comprehensive_energy_composition
        where site_code = p_site_code and stat_month = p_stat_month and version = p_version
    ) as lines
    order by lines.line collate "C";
end;

create function ops.closed_figures_hash(p_site_code text, p_stat_month date, p_version integer) returns text
language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select encode(sha256(convert_to(
        coalesce(string_agg(lines.line || chr(10), '' order by lines.number), ''), 'UTF8'
    )), 'hex')
    from ops.closed_figures_text(p_site_code, p_stat_month, p_version) with ordinality as lines (line, number);
end;

-- ---------------------------------------------------------------- guards
-- Figures are written while their closing is neither sealed nor abandoned, and never changed. The share lock
-- makes a seal wait for whoever is still writing.
create function ops.guard_closed_figures() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform from ops.period_closings as closings
        where
            closings.site_code = new.site_code and closings.closing_id = new.closing_id
            and closings.stat_month = new.stat_month and closings.version = new.version
            and closings.sealed_at is null and closings.abandoned_at is null
        for share;
        if found then
            return new;
        end if;
    elsif tg_op = 'DELETE' then
        perform from ops.period_closings as closings
        where
            closings.site_code = old.site_code and closings.closing_id = old.closing_id
            and closings.sealed_at is null;
        if found then
            return old;
        end if;
    end if;
    raise exception '% on %: the figures of a closed month never change', tg_op, tg_table_name
        using errcode = 'integrity_constraint_violation';
end $$;

create function ops.guard_period_closings() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    may_change constant text[] := array[
        'sealed_at', 'figure_rows', 'figures_hash', 'reopened_at', 'reopened_by', 'reopen_reason',
        'abandoned_at', 'abandon_reason'
    ];
    name text;
begin
    if tg_op = 'INSERT' then
        new.version := 1 + coalesce((
            select max(closings.version) from ops.period_closings as closings
            where
                closings.site_code = new.site_code and closings.stat_month = new.stat_month
                and closings.abandoned_at is null
        ), 0);
        new.accepted_batches := coalesce((
            select range_agg(int8range(batches.batch_id, batches.batch_id, '[]'))
            from ops.batches as batches where batches.status = 'accepted'
        ), '{}');
        new.last_change_id := coalesce((select max(changes.change_id) from ledger.changes as changes), 0);
        return new;
    elsif tg_op <> 'UPDATE' then
        raise exception '% on ops.period_closings: acts are never removed', tg_op
            using errcode = 'integrity_constraint_violation';
    end if;
    if to_jsonb(new) - may_change <> to_jsonb(old) - may_change then
        raise exception 'an act of closing never changes' using errcode = 'integrity_constraint_violation';
    end if;
    foreach name in array may_change loop
        if to_jsonb(old) -> name <> 'null' and to_jsonb(old) -> name <> to_jsonb(new) -> name then
            raise exception 'ops.period_closings.% is written once', name
                using errcode = 'integrity_constraint_violation';
        end if;
    end loop;
    if old.sealed_at is null and new.sealed_at is not null then
        new.figures_hash := ops.closed_figures_hash(new.site_code, new.stat_month, new.version);
        new.figure_rows := (
            select count(*) from ops.closed_figures_text(new.site_code, new.stat_month, new.version)
        );
        if new.figure_rows = 0 then
            raise exception 'there are no figures to seal' using errcode = 'integrity_constraint_violation';
        end if;
    end if;
    if old.abandoned_at is null and new.abandoned_at is not null then
        delete from marts.closed_energy_monthly
        where site_code = new.site_code and closing_id = new.closing_id;
        delete from marts.closed_performance
        where site_code = new.site_code and closing_id = new.closing_id;
        delete from marts.closed_comprehensive_energy
        where site_code = new.site_code and closing_id = new.closing_id;
        delete from marts.closed_comprehensive_energy_composition
        where site_code = new.site_code and closing_id = new.closing_id;
    end if;
    return new;
end $$;

create trigger guard before insert or update or delete on ops.period_closings
for each row execute function ops.guard_period_closings();
create trigger guard_truncate before truncate on ops.period_closings
for each statement execute function ops.guard_period_closings();

do $$
declare
    name text;
begin
    foreach name in array array[
        'closed_energy_monthly', 'closed_performance', 'closed_comprehensive_energy',
        'closed_comprehensive_energy_composition'
    ] loop
        execute format(
            'create trigger guard before insert or update or delete on marts.%I '
            'for each row execute function ops.guard_closed_figures()', name
        );
        execute format(
            'create trigger guard_truncate before truncate on marts.%I '
            'for each statement execute function ops.guard_closed_figures()', name
        );
        execute format('grant select, insert on marts.%I to nengduan_transform', name);
        execute format('grant select on marts.%I to nengduan_bi, nengduan_audit', name);
    end loop;
end $$;

-- ---------------------------------------------------------------- rights
-- Whoever has the password of nengduan_close may close and re-open, and nobody else.
grant usage on schema ops, marts to nengduan_close;
grant select on ops.period_closings to nengduan_close, nengduan_transform, nengduan_audit;
grant insert (
    site_code, stat_month, period_start, period_end, timezone, starts_at, ends_at, closed_at, closed_by, reason,
    missing_figures, platform_version, models_sha256
) on ops.period_closings to nengduan_close;
grant update (
    sealed_at, reopened_at, reopened_by, reopen_reason, abandoned_at, abandon_reason
) on ops.period_closings to nengduan_close;
alter default privileges for role nengduan_transform in schema marts grant select on tables to nengduan_close;
grant select on all tables in schema marts to nengduan_close;
revoke all on function ops.closed_figures_text(text, date, integer) from public;
revoke all on function ops.closed_figures_hash(text, date, integer) from public;
revoke all on function ops.guard_closed_figures() from public;
revoke all on function ops.guard_period_closings() from public;
grant execute on function ops.closed_figures_text(text, date, integer) to nengduan_close, nengduan_audit;
grant execute on function ops.closed_figures_hash(text, date, integer) to nengduan_close, nengduan_audit;
