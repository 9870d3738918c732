-- ---------------------------------------------------------------- requirements that a site knows better than the seed
create table ledger.metering_requirements (
    site_code text not null, standard text not null, category text not null,
    level smallint not null check (level between 1 and 3),
    required_rate_pct numeric check (required_rate_pct between 0 and 100),
    accuracy_class text,                       -- the lowest accuracy class allowed: 0.5S, 1.0
    clause text,
    valid_from date not null default '-infinity', valid_to date not null default 'infinity',
    remark text, retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, standard, category, level)
);
comment on table ledger.metering_requirements is 'One row per edition of GB 17167, category of energy and level whose required equipping rate or accuracy class the site gives itself.';
select ledger.keep_history('ledger.metering_requirements'::regclass);
grant select, insert, update, delete on ledger.metering_requirements to nengduan_ingest;
grant select on ledger.metering_requirements to nengduan_transform, nengduan_audit;
grant select, insert, update on ledger.metering_requirements to nengduan_keep;

-- ---------------------------------------------------------------- messages
create table ops.messages (
    message_id bigint generated always as identity primary key,
    site_code text not null,
    role text not null,                        -- of the workbench: who reads it
    person_code text,                          -- the person it is for, by mail; null: everybody of that role
    org_code text,                             -- unit it concerns; null: the whole site
    kind text not null check (kind in ('calibration', 'certificate', 'training')),
    subject text not null,                     -- code of the meter or person
    item text not null default '',             -- which of its certificates or trainings
    due_on date not null,                      -- the last day on which it holds
    due_step text not null check (due_step in ('60', '30', '7', 'overdue')),
    title text not null,
    message text not null,
    created_at timestamptz not null,
    read_at timestamptz,
    read_by text check (btrim(read_by) <> ''),
    mailed_at timestamptz,                     -- handed to the mail server; written before it is, so never twice
    mail_failure text,
    check ((read_at is null) = (read_by is null)),
    unique nulls not distinct (site_code, role, person_code, kind, subject, item, due_on, due_step)
);
comment on table ops.messages is 'One row per reminder and reader: each step of each due date once, never twice.';
create index on ops.messages (site_code, role, created_at);
grant select, insert on ops.messages to nengduan_transform;
grant update (mailed_at, mail_failure) on ops.messages to nengduan_transform;
grant select on ops.messages to nengduan_audit, nengduan_keep;
grant update (read_at, read_by) on ops.messages to nengduan_keep;

-- A finding of an inspection is told once, however often somebody looks for new ones.
create unique index events_of_inspections on ops.events (site_code, subject) where kind = 'inspection_abnormal';
