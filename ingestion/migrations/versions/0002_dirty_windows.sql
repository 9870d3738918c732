-- Marks: what has changed and is not yet in the marts. Append-only, many marks of one thing are fine; a build
-- takes those it sees (is_taken), and they are gone in the transaction that made their result.
create table ops.dirty_meters (
    mark_id bigint generated always as identity,
    site_code text not null,
    meter_code text not null,
    starts_at timestamptz not null,        -- first and last instant that changed, both included
    ends_at timestamptz not null,
    batch_id bigint,                       -- counts once that batch is accepted; null: at once
    cause text not null,
    is_piece boolean not null default false,   -- of a mark over more than two months, which is worked by months
    is_taken boolean not null default false,
    marked_at timestamptz not null default now(),
    primary key (site_code, mark_id)
);
comment on table ops.dirty_meters is 'Meters whose hours have to be computed anew, by the instants that changed.';

create table ops.dirty_flows (
    mark_id bigint generated always as identity,
    site_code text not null,
    flow_code text not null,
    starts_at timestamptz not null,        -- hours, half-open
    ends_at timestamptz not null,
    cause text not null,
    is_piece boolean not null default false,
    is_taken boolean not null default false,
    marked_at timestamptz not null default now(),
    primary key (site_code, mark_id)
);
comment on table ops.dirty_flows is 'Flows whose hours, and all sums above them, have to be computed anew.';

create table ops.dirty_energies (
    mark_id bigint generated always as identity,
    site_code text not null,
    energy_code text not null,
    starts_on date not null,               -- statistical days, half-open
    ends_on date not null,
    cause text not null,
    is_taken boolean not null default false,
    marked_at timestamptz not null default now(),
    primary key (site_code, mark_id)
);
comment on table ops.dirty_energies is 'Energies whose performance has to be computed anew.';

create table ops.unjudged (
    mark_id bigint generated always as identity,
    site_code text not null,
    kind text not null check (kind in ('meter', 'flow')),
    code text not null,
    starts_on date not null,               -- statistical days, half-open
    ends_on date not null,
    primary key (site_code, mark_id)
);
comment on table ops.unjudged is 'What builds have computed and the gate over the marts has not yet passed.';

-- Batches that are not simply accepted readings of the past (dbt's stg_raw__readings looks at no others).
create index batches_odd on ops.batches (batch_id) where kind = 'readings' and (
    status in ('landed', 'held') or last_read_at is null or last_read_at - received_at > interval '5 minutes'
);

-- Rows lie in the order of their batches, so ranges of pages say as much as an entry for each row.
drop index raw.readings_batch_id_idx;
create index readings_batch_id_idx on raw.readings using brin (batch_id) with (pages_per_range = 32, autosummarize = on);

-- What the rules have refused is looked up by instant, to find the readings around a change that count.
create index on quarantine.rejected_by_rules (site_code, meter_code, read_at);

grant select, insert, update, delete on ops.dirty_meters, ops.dirty_flows, ops.dirty_energies, ops.unjudged
to nengduan_transform;
grant select, insert on ops.dirty_meters, ops.dirty_flows, ops.dirty_energies to nengduan_ingest;
grant select on ops.dirty_meters, ops.dirty_flows, ops.dirty_energies, ops.unjudged to nengduan_audit;
grant usage on all sequences in schema ops to nengduan_ingest, nengduan_transform;
