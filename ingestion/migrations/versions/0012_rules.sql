-- ---------------------------------------------------------------- alarm rules (DB53/T 1026-2021, 4.7)
create table ledger.alarm_rules (
    site_code text not null, rule_code text not null, name text not null,
    kind text check (kind in ('threshold', 'rate_of_change', 'missing_data', 'imbalance', 'over_limit')),
    subject_kind text check (subject_kind in ('meter', 'flow', 'node', 'equipment', 'org_unit', 'product')),
    subject_code text,                         -- a key of the ledger that subject_kind names
    figure text, unit text,                    -- what of the subject is watched, and the unit of the values
    comparison text check (comparison in ('above', 'at_least', 'below', 'at_most')),
    warn_value numeric, alarm_value numeric,
    hysteresis numeric check (hysteresis >= 0),  -- how far it must come back, in the same unit
    duration_minutes numeric check (duration_minutes >= 0),
    active_shifts text,                        -- shift codes with commas between; null: all of them
    active_from time, active_to time,          -- an end not after the start runs past midnight
    level text check (level in ('notice', 'warning', 'alarm')),
    recipients text check (
        recipients in ('viewer', 'keeper', 'metering_manager', 'energy_manager', 'auditor', 'admin')
    ),
    is_enabled boolean not null default true,
    valid_from date not null default '-infinity', valid_to date not null default 'infinity',
    remark text,
    more jsonb not null default '{}',          -- what else a file says, by its own headers
    retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    check (subject_code is null or subject_kind is not null),
    primary key (site_code, rule_code)
);
comment on table ledger.alarm_rules is 'One row per rule: whom it watches, what is compared with what, when, and who is told.';

-- ---------------------------------------------------------------- a plant's own limits (4.8)
create table ledger.limits_custom (
    site_code text not null, indicator_code text not null, valid_from date not null default '-infinity',
    name text not null,
    product_code text, equipment_code text, org_code text,
    numerator text, denominator text,          -- expressions or names of figures
    unit text, limit_value numeric, access_value numeric, advanced_value numeric, standard text,
    valid_to date not null default 'infinity', remark text,
    more jsonb not null default '{}',
    retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, indicator_code, valid_from)
);
comment on table ledger.limits_custom is 'One row per own indicator and span of days (half-open; a retired row ends on retired_on at the latest).';

select ledger.keep_history('ledger.alarm_rules'::regclass);
select ledger.keep_history('ledger.limits_custom'::regclass);

grant select, insert, update, delete on ledger.alarm_rules, ledger.limits_custom to nengduan_ingest;
grant select on ledger.alarm_rules, ledger.limits_custom to nengduan_transform, nengduan_audit, nengduan_upload;
grant select, insert, update on ledger.alarm_rules, ledger.limits_custom to nengduan_keep;
