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

grant select, insert, update, delete on ops.dirty_meters, ops.dirty_flows, ops.dirty_energies to nengduan_transform;
grant select, insert on ops.dirty_meters, ops.dirty_flows, ops.dirty_energies to nengduan_ingest;
grant select on ops.dirty_meters, ops.dirty_flows, ops.dirty_energies to nengduan_audit;
grant usage on all sequences in schema ops to nengduan_ingest, nengduan_transform;
