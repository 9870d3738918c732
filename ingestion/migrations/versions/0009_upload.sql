-- ---------------------------------------------------------------- destinations
create table ops.upload_destinations (
    site_code text not null,
    destination text not null check (destination ~ '^[A-Za-z0-9_.-]{1,64}$'),
    profile text not null check (profile ~ '^[a-z0-9_]{1,64}$'),
    url text not null check (url ~ '^https?://'),
    allowed_hosts text[] not null default '{}',  -- beside the host of url: host or host:port
    is_loopback_http_allowed boolean not null default false,
    options jsonb not null default '{}' check (jsonb_typeof(options) = 'object'),
    is_enabled boolean not null default true,
    created_at timestamptz not null default now(),
    created_by text not null check (btrim(created_by) <> ''),
    primary key (site_code, destination)
);
comment on table ops.upload_destinations is 'One row per platform that a site uploads to; secrets are not here but in the environment or in an Airflow connection.';
create unique index upload_destinations_name on ops.upload_destinations (destination);

-- What the platform has told us: device, addresses, versions, the slot; and what we have told it.
create table ops.upload_states (
    site_code text not null, destination text not null,
    state jsonb not null default '{}',
    sealed bytea,                              -- keys and tokens of the platform, encrypted with a key of the environment
    changed_at timestamptz not null default now(),
    primary key (site_code, destination),
    foreign key (site_code, destination) references ops.upload_destinations (site_code, destination)
);
comment on table ops.upload_states is 'One row per destination: the last successful answers of its platform.';

create table ops.upload_dictionaries (
    site_code text not null, destination text not null,
    dictionary text not null,                  -- region, industry, process, energyType, dataUsage, …
    code text not null, name text,
    details jsonb not null default '{}',       -- whatever else the platform says of the code
    version text not null,
    primary key (site_code, destination, dictionary, code),
    foreign key (site_code, destination) references ops.upload_destinations (site_code, destination)
);
comment on table ops.upload_dictionaries is 'One row per destination and code of a dictionary of its platform, of the newest version.';

-- ---------------------------------------------------------------- outbox
create table ops.upload_outbox (
    site_code text not null, destination text not null,
    data_code text not null,
    stat_type smallint not null check (stat_type between 0 and 3),
    stat_date timestamp not null,              -- start of the period, the site's own clock
    value numeric(32, 10) not null,
    convert_ratio numeric,                     -- standard coal per unit, where a profile sends it
    input_type smallint not null check (input_type between 1 and 7),
    scope smallint not null check (scope between 1 and 4),
    is_valid boolean not null default true,
    origin text not null check (origin in ('scheduled', 'manual', 'correction')),
    status smallint not null default 1 check (status in (1, 2, 3)),  -- 1 未上报 2 已上报 3 上报失败
    version integer not null default 1,        -- counts the values this row has had since one was first sent
    attempts integer not null default 0,       -- of this version
    next_attempt_at timestamptz not null,
    last_code text, last_message text,
    filled_at timestamptz not null,            -- when this version came from the marts
    sent_at timestamptz,                       -- written before the first sending of this version
    tried_at timestamptz,                      -- last sending of it
    acked_at timestamptz,
    primary key (site_code, destination, data_code, stat_type, stat_date),
    foreign key (site_code, destination) references ops.upload_destinations (site_code, destination)
);
comment on table ops.upload_outbox is 'One row per destination, item, statistic and period: the value that the platform shall hold.';
create index upload_outbox_open on ops.upload_outbox (site_code, destination, stat_date, stat_type, data_code) where status = 1;
create index upload_outbox_failed on ops.upload_outbox (site_code, destination) where status = 3;

create table ops.upload_sent_values (
    site_code text not null, destination text not null, data_code text not null,
    stat_type smallint not null, stat_date timestamp not null, version integer not null,
    value numeric(32, 10) not null, convert_ratio numeric, is_valid boolean not null, input_type smallint not null, scope smallint not null,
    status smallint not null, filled_at timestamptz not null, sent_at timestamptz not null, acked_at timestamptz,
    replaced_at timestamptz not null,
    primary key (site_code, destination, data_code, stat_type, stat_date, version)
);
comment on table ops.upload_sent_values is 'One row per earlier value that was sent, acknowledged or not, before a correction took its place.';

-- ---------------------------------------------------------------- the log
create table ops.upload_exchanges (
    exchange_id bigint generated always as identity primary key,
    site_code text not null, destination text not null, run_id text not null,
    kind text not null,                        -- register, version, dictionary, config, metering, data, download, token, …
    method text not null, url text not null,
    started_at timestamptz not null,
    duration_ms integer not null,
    http_status smallint,
    code text, message text,                   -- of the platform
    outcome text not null check (outcome in ('accepted', 'refused', 'unknown', 'blocked')),
    reason text,                               -- ours, where it was not accepted
    row_count integer not null default 0,
    bytes_sent integer not null default 0, bytes_received integer not null default 0,
    clock_skew_s integer,                      -- the platform's Date less ours
    request text, response text                -- with secrets masked, cut at 16 KiB
);
comment on table ops.upload_exchanges is 'One row per request to a platform and what became of it; blocked: refused by us before it left or after it came.';
create index on ops.upload_exchanges (site_code, destination, started_at);

create table ops.upload_runs (
    run_id text not null, site_code text not null, destination text not null,
    trigger text not null check (trigger in ('slot', 'backlog', 'command')),
    slot_date date,                            -- the day whose slot it serves
    started_at timestamptz not null, ended_at timestamptz,
    rows_filled integer, rows_sent integer, rows_acked integer, rows_failed integer, rows_left integer,
    is_finished boolean not null default false,  -- nothing was left to send
    message text,
    primary key (site_code, destination, run_id)
);
comment on table ops.upload_runs is 'One row per run of the sender for one destination.';
create index on ops.upload_runs (site_code, destination, started_at);

-- What the platform holds, where it can be asked (reconciliation).
create table ops.upload_differences (
    site_code text not null, destination text not null, data_code text not null,
    stat_type smallint not null, stat_date timestamp not null,
    ours numeric, theirs numeric,
    kind text not null check (kind in ('missing_there', 'other_value', 'unknown_here')),
    found_at timestamptz not null,
    primary key (site_code, destination, data_code, stat_type, stat_date)
);
comment on table ops.upload_differences is 'One row per figure of which the platform, when last asked, held another value than ours.';

-- ---------------------------------------------------------------- rights
grant usage on schema ledger, ops, marts to nengduan_upload;
grant select on all tables in schema ledger to nengduan_upload;
grant select, insert, update, delete on ops.upload_destinations, ops.upload_states, ops.upload_dictionaries, ops.upload_outbox,
    ops.upload_differences to nengduan_upload;
grant select, insert, update on ops.upload_runs to nengduan_upload;
grant select, insert on ops.upload_sent_values, ops.upload_exchanges to nengduan_upload;
grant select, insert on ops.events to nengduan_upload;
grant usage on all sequences in schema ops to nengduan_upload;
grant select on ops.period_closings to nengduan_upload;
grant select on ops.upload_destinations, ops.upload_states, ops.upload_dictionaries, ops.upload_outbox, ops.upload_sent_values,
    ops.upload_exchanges, ops.upload_runs, ops.upload_differences to nengduan_transform, nengduan_audit, nengduan_keep;
alter default privileges for role nengduan_transform in schema marts grant select on tables to nengduan_upload;
grant select on all tables in schema marts to nengduan_upload;
