create table ops.workbench_roles (
    grant_id bigint generated always as identity,
    site_code text not null,
    user_name text not null check (btrim(user_name) <> ''),   -- of Airflow's login
    role text not null check (
        role in ('viewer', 'keeper', 'metering_manager', 'energy_manager', 'auditor', 'admin')
    ),
    org_code text,                             -- with every unit below it; empty: the whole site
    granted_by text not null check (btrim(granted_by) <> ''),
    granted_at timestamptz not null default now(),
    revoked_by text check (btrim(revoked_by) <> ''),
    revoked_at timestamptz,
    primary key (site_code, grant_id),
    check (num_nulls(revoked_by, revoked_at) in (0, 2)),
    check (role <> 'keeper' or org_code is not null),
    check (role not in ('admin', 'auditor') or org_code is null)
);
comment on table ops.workbench_roles is 'One row per grant of a role at the workbench; a revoked one stays as history.';
create unique index on ops.workbench_roles (site_code, user_name, role, org_code) nulls not distinct
where revoked_at is null;
create index on ops.workbench_roles (user_name) where revoked_at is null;

grant select on ops.workbench_roles to nengduan_keep, nengduan_audit;
grant insert (site_code, user_name, role, org_code, granted_by) on ops.workbench_roles to nengduan_keep;
grant update (revoked_by, revoked_at) on ops.workbench_roles to nengduan_keep;
