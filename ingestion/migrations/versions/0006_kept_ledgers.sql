-- ---------------------------------------------------------------- whose a meter is
alter table ledger.meters add column org_code text, add column equipment_code text;
comment on column ledger.meters.org_code is 'Unit that keeps the meter; empty: that of its equipment.';
create index on ledger.meters (site_code, org_code);
create index on ledger.meters (site_code, equipment_code);

-- ---------------------------------------------------------------- new ledgers
create table ledger.verifications (
    site_code text not null, meter_code text not null, verified_on date not null,
    kind text not null check (kind in ('verification', 'calibration', 'comparison')),
    organisation text, certificate_no text, certificate_file text,
    result text check (result in ('qualified', 'restricted', 'unqualified')),
    valid_to date,                             -- the last day of the certificate, itself included
    remark text, retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, meter_code, verified_on, kind)
);
comment on table ledger.verifications is 'One row per meter, day and kind: verification 检定, calibration 校准, comparison 比对.';

create table ledger.trainings (
    site_code text not null, person_code text not null, trained_on date not null, content text not null,
    trainer text, result text, certificate_no text,
    valid_to date,                             -- the last day of the certificate, itself included
    remark text, retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, person_code, trained_on, content)
);
comment on table ledger.trainings is 'One row per person, day and content of a training.';

create table ledger.motors (
    site_code text not null, equipment_code text not null, motor_code text not null,
    model text, rated_power_kw numeric check (rated_power_kw >= 0),
    quantity integer check (quantity > 0), efficiency_grade text, manufacturer text,
    remark text, retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, equipment_code, motor_code)
);
comment on table ledger.motors is 'One row per kind of auxiliary motor of a piece of equipment (表A.3).';

-- How the state and the efficiency of a piece of equipment are read off its flows.
create table ledger.equipment_rules (
    site_code text not null, equipment_code text not null, valid_from date not null default '-infinity',
    flow_code text not null,                   -- whose energy it consumes
    output_flow_code text, product_code text,  -- its output: a flow, or else a product
    -- The hour's mean power or rate, in the flow's unit per hour, from which on it is in that state.
    running_above_kw numeric check (running_above_kw >= 0),
    idle_above_kw numeric check (idle_above_kw >= 0),
    standby_above_kw numeric check (standby_above_kw >= 0),
    hysteresis_kw numeric check (hysteresis_kw >= 0),
    rated_value numeric, standard_value numeric,
    value_kind text check (value_kind in ('efficiency', 'specific_energy')),
    value_unit text, standard text, clause text,
    valid_to date not null default 'infinity',
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, equipment_code, valid_from)
);
comment on table ledger.equipment_rules is 'One row per piece of equipment and span of days (half-open).';

create table ledger.calendars (
    site_code text not null, day date not null,
    kind text not null check (kind in ('workday', 'holiday', 'overhaul')),
    remark text, retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, day)
);
comment on table ledger.calendars is 'One row per day that is said to be a workday, a holiday or an overhaul; a retired row says nothing.';

create table ledger.jjf1051_codes (
    site_code text not null, code text not null, valid_from date not null default '-infinity',
    name text not null, valid_to date not null default 'infinity',
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, code, valid_from)
);
comment on table ledger.jjf1051_codes is 'One row per code of JJF 1051 that the site has loaded, and span of days (half-open).';

create table ledger.inspections (
    site_code text not null,
    inspection_no text not null,               -- of the round; made of the row where a file has none
    item text not null default '',
    equipment_code text, org_code text, inspected_at timestamptz, inspector text,
    result text check (result in ('normal', 'abnormal')),
    finding text, severity text check (severity in ('info', 'warning', 'critical')),
    photo_file text, handled_by text, handled_on date, remark text,
    more jsonb not null default '{}',          -- what else a file says, by its own headers
    retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, inspection_no, item)
);
comment on table ledger.inspections is 'One row per inspection round and item.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'verifications', 'trainings', 'motors', 'equipment_rules', 'calendars', 'jjf1051_codes', 'inspections'
    ] loop
        perform ledger.keep_history(format('ledger.%I', name)::regclass);
    end loop;
end $$;

-- Inspections were kept whole among other rows; they go on under a number made of what identified them there.
select
    set_config('nengduan.actor', '系统升级', true),
    set_config('nengduan.reason', '检查记录改为单独的台账', true);
insert into ledger.inspections (site_code, inspection_no, more, batch_id, recorded_at)
select site_code, 'ROW-' || left(encode(sha256(convert_to(row_key, 'UTF8')), 'hex'), 16), row, batch_id, recorded_at
from ledger.other_rows where file = 'inspections';
delete from ledger.other_rows where file = 'inspections';
select set_config('nengduan.actor', '', true), set_config('nengduan.reason', '', true);
comment on table ledger.other_rows is 'alarm_rules, limits_custom, upload_items as they came.';

-- ---------------------------------------------------------------- retirement
-- Nothing is deleted: a row is out of use from retired_on on. Meters have a status for it, and rows with a
-- validity an end. Figures do not ask: what a retired meter has counted, it has counted.
alter table ledger.org_units add column retired_on date;
alter table ledger.nodes add column retired_on date;
alter table ledger.flows add column retired_on date;
alter table ledger.equipment add column retired_on date;
alter table ledger.persons add column retired_on date;
alter table ledger.products add column retired_on date;
alter table ledger.other_rows add column retired_on date;
alter table ledger.meter_events add column retired_on date;
comment on column ledger.meter_events.retired_on is 'Filled: the record was a mistake and counts as if it had never been.';

-- ---------------------------------------------------------------- rights
grant select, insert, update, delete on ledger.verifications, ledger.trainings, ledger.motors,
ledger.equipment_rules, ledger.calendars, ledger.jjf1051_codes, ledger.inspections to nengduan_ingest;
grant select on ledger.verifications, ledger.trainings, ledger.motors, ledger.equipment_rules, ledger.calendars,
ledger.jjf1051_codes, ledger.inspections to nengduan_transform, nengduan_audit;

-- Who keeps the ledgers at the workbench: reads and edits them, and takes nothing away. The terms of a flow are
-- its expression taken apart, so they go when it changes.
grant usage on schema ledger, ops to nengduan_keep;
grant select on all tables in schema ledger to nengduan_keep;
grant insert, update on ledger.sites, ledger.org_units, ledger.energies, ledger.calorific_values, ledger.products,
ledger.equipment, ledger.nodes, ledger.meters, ledger.flows, ledger.flow_terms, ledger.meter_events, ledger.persons,
ledger.shifts, ledger.tariffs, ledger.verifications, ledger.trainings, ledger.motors, ledger.equipment_rules,
ledger.calendars, ledger.jjf1051_codes, ledger.inspections, ledger.other_rows to nengduan_keep;
grant delete on ledger.flow_terms to nengduan_keep;
grant select, insert on ops.batches to nengduan_keep;
grant usage on sequence ops.batches_batch_id_seq to nengduan_keep;
grant execute on function ledger.as_of(text, text, timestamptz) to nengduan_keep;
