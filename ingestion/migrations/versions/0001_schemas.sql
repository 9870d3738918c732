create schema if not exists ledger;
create schema if not exists raw;
create schema if not exists ops;
create schema if not exists quarantine;
create schema if not exists staging;
create schema if not exists intermediate;
create schema if not exists marts;

-- ---------------------------------------------------------------- ops
create table ops.batches (
    batch_id bigint generated always as identity primary key,
    load_id uuid not null,                 -- one call of `nengduan load` or one DAG run
    site_code text not null,
    kind text not null check (kind in ('ledger', 'erp', 'readings')),
    source text not null,                  -- protocol: spreadsheet, csv, parquet …
    file text not null,                    -- as the user knows it, relative to the package
    sha256 text not null,
    rows_total bigint not null default 0,
    rows_landed bigint not null default 0,
    rows_rejected bigint not null default 0,
    first_read_at timestamptz,
    last_read_at timestamptz,
    received_at timestamptz not null,      -- the clock at landing; judges stamps in the future
    status text not null check (status in ('landed', 'accepted', 'held', 'refused')),
    status_reason text,
    judged_at timestamptz
);
comment on table ops.batches is 'One row per file landed. landed = waits for the gate; accepted = counts; held = a batch fault, does not count; refused = nothing of it landed.';
create index on ops.batches (site_code, kind, sha256);
create index on ops.batches (load_id);

create table ops.events (
    event_id bigint generated always as identity primary key,
    occurred_at timestamptz not null,
    kind text not null,
    severity text not null check (severity in ('info', 'warning', 'critical')),
    site_code text,
    subject text,
    message text not null,
    payload jsonb not null default '{}'
);
create index on ops.events (site_code, occurred_at);

create table ops.quality_results (
    result_id bigint generated always as identity primary key,
    run_id text not null,
    gate text not null check (gate in ('batch', 'marts')),
    suite text not null,
    expectation text not null,
    description text,
    severity text not null check (severity in ('info', 'warning', 'critical')),
    site_code text,
    batch_id bigint,
    is_success boolean not null,
    observed_value jsonb,
    details jsonb not null default '{}',
    evaluated_at timestamptz not null
);
create index on ops.quality_results (run_id);
create index on ops.quality_results (batch_id);

-- ---------------------------------------------------------------- ledger
create table ledger.sites (
    site_code text primary key,
    name text not null,
    credit_code text,
    region_code text,
    industry_code text,
    timezone text not null default 'Asia/Shanghai',
    day_start time not null default '00:00',
    month_start_day smallint not null default 1 check (month_start_day between 1 and 28),
    altitude_m numeric,
    enterprise jsonb not null default '{}',   -- upload-contract §2.4 fields, snake_case
    batch_id bigint not null,
    recorded_at timestamptz not null default now()
);

create table ledger.org_units (
    site_code text not null, org_code text not null,
    name text not null, parent_code text, kind text,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, org_code)
);

create table ledger.energies (
    site_code text not null, energy_code text not null, valid_from date not null default '-infinity',
    name text not null, unit text not null,
    class text not null check (class in ('primary', 'secondary', 'medium', 'non_energy')),
    kgce_per_unit numeric, kgce_per_unit_equal numeric, statistic_code text,
    valid_to date not null default 'infinity',
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, energy_code, valid_from)
);

create table ledger.calorific_values (
    site_code text not null, energy_code text not null, valid_from date not null,
    kj_per_unit numeric not null, valid_to date not null default 'infinity', laboratory text,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, energy_code, valid_from)
);

create table ledger.nodes (
    site_code text not null, node_code text not null, name text not null,
    stage text not null check (stage in ('purchase_storage', 'conversion', 'distribution', 'end_use', 'external')),
    org_code text, equipment_code text,
    end_use_kind text check (end_use_kind in ('main_production', 'auxiliary', 'heating_cooling', 'lighting', 'transport', 'other')),
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, node_code)
);

create table ledger.flows (
    site_code text not null, flow_code text not null, energy_code text not null,
    from_node text not null, to_node text not null,
    level smallint not null check (level between 1 and 3),
    item text not null check (item in ('purchase', 'stock', 'conversion_in', 'conversion_out', 'distribution',
        'production', 'living', 'self_use', 'export', 'recovery', 'loss')),
    measured_by text, org_code text, equipment_code text, product_code text,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, flow_code)
);

-- measured_by taken apart, once, at import: quantity = sum(coefficient * meter-hour).
create table ledger.flow_terms (
    site_code text not null, flow_code text not null, meter_code text not null,
    coefficient numeric not null check (coefficient <> 0),
    primary key (site_code, flow_code, meter_code)
);
create index on ledger.flow_terms (site_code, meter_code);

create table ledger.meters (
    site_code text not null, meter_code text not null, name text not null, energy_code text not null,
    reading_kind text not null check (reading_kind in ('register', 'interval', 'rate', 'manual')),
    unit text not null,
    multiplier numeric not null default 1 check (multiplier > 0),
    register_max numeric check (register_max > 0),
    interval_minutes numeric not null default 15 check (interval_minutes > 0),
    interval_label text not null default 'start' check (interval_label in ('start', 'end')),
    max_per_hour numeric check (max_per_hour > 0),
    level smallint check (level between 1 and 3),
    jjf1051_code text, grade text, parameter text, model text, accuracy_class text, range text,
    manufacturer text, location text, installer text, installed_on date, connected_system text,
    status text check (status in ('normal', 'faulty', 'stopped')), status_since date,
    calibration_state text, calibration_org text, calibration_cycle_months numeric,
    last_calibrated_on date, next_calibration_on date, uncalibrated_reason text,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, meter_code)
);

create table ledger.meter_events (
    site_code text not null, meter_code text not null, event_at timestamptz not null,
    kind text not null check (kind in ('replaced', 'reset', 'ratio_changed')),
    old_last_reading numeric, new_first_reading numeric,
    new_multiplier numeric check (new_multiplier > 0), new_register_max numeric check (new_register_max > 0),
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, meter_code, event_at, kind)
);

create table ledger.equipment (
    site_code text not null, equipment_code text not null, name text not null,
    org_code text, model text, location text, category text, energy_code text, rated_power_kw numeric,
    is_special boolean, auxiliary_model text, auxiliary_power_kw numeric, manufacturer text,
    commissioned_on date, efficiency_grade text, remark text,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, equipment_code)
);

create table ledger.persons (
    site_code text not null, person_code text not null, name text not null,
    gender text, department text, position text, title text, education text, school text,
    certificate text, certificate_no text, certificate_valid_to date, training text, trainer text,
    phone text, email text, remark text,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, person_code)
);

create table ledger.products (
    site_code text not null, product_code text not null, name text not null, unit text not null,
    limit_standard text, limit_product text, limit_indicator text,
    plant_kind text check (plant_kind in ('existing', 'new')), correction text,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, product_code)
);

create table ledger.shifts (
    site_code text not null, shift_code text not null,
    start_time time not null, end_time time not null,   -- file columns: start, end; end <= start runs past midnight
    team_rota text, valid_from date not null default '-infinity', valid_to date not null default 'infinity',
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, shift_code, valid_from)
);

create table ledger.tariffs (
    site_code text not null, energy_code text not null, valid_from date not null,
    period text not null check (period in ('尖', '峰', '平', '谷')),
    start_time time not null, end_time time not null, price_cny numeric not null,
    valid_to date not null default 'infinity',
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, energy_code, valid_from, period, start_time)
);

-- Rules, own indicators, uploaded items and inspections: their issues give them columns of
-- their own; until then each row is kept whole, so that nothing of a package is lost.
create table ledger.other_rows (
    site_code text not null, file text not null, row_key text not null, row jsonb not null,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, file, row_key)
);
comment on table ledger.other_rows is 'alarm_rules, limits_custom, upload_items, inspections as they came.';

-- ---------------------------------------------------------------- raw (append-only)
create table raw.readings (
    site_code text not null,
    meter_code text not null,
    read_at timestamptz not null,
    value numeric not null,
    quality text not null check (quality in ('good', 'bad', 'manual', 'estimated')),
    revision integer not null check (revision >= 0),
    batch_id bigint not null,
    line bigint not null
) partition by range (read_at);
comment on table raw.readings is 'Every reading that could be parsed, as it came. Which of them count is judged in dbt (int_readings__judged).';
create index on raw.readings (site_code, meter_code, read_at);
create index on raw.readings (batch_id);

create table raw.production (
    site_code text not null, product_code text not null,
    period_start date not null, period_end date not null,   -- half-open
    quantity numeric not null, org_code text, output_value_cny numeric,
    batch_id bigint not null, line bigint not null
);
create table raw.purchases (
    site_code text not null, energy_code text not null, date date not null, quantity numeric not null,
    amount_cny numeric, supplier text,
    kind text not null check (kind in ('purchase', 'sale', 'opening', 'closing', 'adjustment')),
    usage text check (usage in ('industrial', 'material', 'non_industrial', 'transport')),
    batch_id bigint not null, line bigint not null
);
create table raw.stocks (like raw.purchases including all);

-- ---------------------------------------------------------------- quarantine
create table quarantine.rejected_at_landing (
    site_code text,
    batch_id bigint not null,
    file text not null,
    line bigint,
    column_name text,
    reason_code text not null,
    reason text not null,
    row jsonb not null,
    rejected_at timestamptz not null default now()
);
create index on quarantine.rejected_at_landing (batch_id);

-- Written by dbt at every build, in place (never swapped, so that the view below stands):
-- rules that depend on the set of readings (dispute, outlier …) may take a verdict back.
create table quarantine.rejected_by_rules (
    site_code text not null,
    meter_code text not null,
    read_at timestamptz not null,
    revision integer not null,
    value numeric not null,
    batch_id bigint not null,
    line bigint not null,
    column_name text not null,
    reason_code text not null,
    reason text not null,
    row jsonb not null
);
create index on quarantine.rejected_by_rules (batch_id);

create view quarantine.rejected_rows as
select batch_id, file, line, column_name, reason_code, reason, row, site_code, 'landing' as stage
from quarantine.rejected_at_landing
union all
select
    rejected.batch_id, batches.file, rejected.line, rejected.column_name, rejected.reason_code,
    rejected.reason, rejected.row, rejected.site_code, 'rules' as stage
from quarantine.rejected_by_rules as rejected
inner join ops.batches as batches on rejected.batch_id = batches.batch_id;

-- ---------------------------------------------------------------- rights (design decision 2)
-- The roles are the cluster's and are made before the first migration.
grant usage on schema ledger, raw, ops, quarantine to nengduan_ingest, nengduan_transform, nengduan_audit;
grant select, insert, update, delete on all tables in schema ledger to nengduan_ingest;
grant select, insert on all tables in schema raw, quarantine to nengduan_ingest;
grant delete on quarantine.rejected_at_landing to nengduan_ingest;
grant select, insert on all tables in schema ops to nengduan_ingest, nengduan_transform;
grant update on ops.batches to nengduan_ingest;
grant usage on all sequences in schema ops to nengduan_ingest, nengduan_transform;
grant select on all tables in schema ledger, raw, quarantine to nengduan_transform;
grant insert, delete on quarantine.rejected_by_rules to nengduan_transform;
grant select on all tables in schema ledger, raw, ops, quarantine to nengduan_audit;
alter schema staging owner to nengduan_transform;
alter schema intermediate owner to nengduan_transform;
alter schema marts owner to nengduan_transform;
grant usage on schema marts to nengduan_bi, nengduan_audit;
alter default privileges for role nengduan_transform in schema marts
grant select on tables to nengduan_bi, nengduan_audit;

-- Months of raw.readings are made by ingest as data for them lands, through this one door:
-- a partition must belong to the table's owner.
create function raw.ensure_readings_month(month date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    first_day date := date_trunc('month', month)::date;
    partition_name text := 'readings_' || to_char(first_day, 'YYYYMM');
begin
    if to_regclass('raw.' || partition_name) is null then
        execute format(
            'create table raw.%I partition of raw.readings for values from (%L) to (%L)',
            partition_name, first_day::timestamp at time zone 'UTC',
            (first_day + interval '1 month') at time zone 'UTC'
        );
        execute format('grant select, insert on raw.%I to nengduan_ingest', partition_name);
        execute format('grant select on raw.%I to nengduan_transform, nengduan_audit', partition_name);
    end if;
exception when duplicate_table then null;  -- another loader was first
end $$;
revoke all on function raw.ensure_readings_month(date) from public;
grant execute on function raw.ensure_readings_month(date) to nengduan_ingest;
