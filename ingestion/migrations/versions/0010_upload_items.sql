-- ---------------------------------------------------------------- what is uploaded
create table ledger.upload_items (
    site_code text not null,
    data_code text not null check (data_code ~ '^\d{2}-\d{2}-\d{4}-\d{6}-\d{2}$'),
    destination text not null default '*',     -- '*': every platform that has no row of its own
    name text,
    flow_code text, expression text,           -- what it counts; an expression wins over a flow
    figure text not null default 'quantity' check (
        figure in (
            'quantity', 'tce_equivalent', 'tce_equal', 'comprehensive_energy', 'production', 'unit_consumption',
            'output_value_consumption', 'manual'
        )
    ),
    product_code text,
    stat_types text not null default '1' check (stat_types ~ '^[0-3](,[0-3])*$'),  -- 0 实时 1 日 2 月 3 年
    interval_minutes smallint not null default 15 check (interval_minutes in (15, 30, 60)),  -- of 实时
    input_type smallint not null default 4 check (input_type between 1 and 7),
    scope smallint not null check (scope between 1 and 4),
    factor numeric not null default 1 check (factor <> 0),  -- from our unit to the platform's
    least_coverage numeric not null default 0.9 check (least_coverage between 0 and 1),
    value_min numeric, value_max numeric,
    equipment_code text, collect_system text,
    is_required boolean,
    remark text, retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, data_code, destination)
);
comment on table ledger.upload_items is 'One row per item code and platform ("*" is every one) that the site uploads or is asked to.';

-- As flow_terms: the item's expression, one coefficient per flow or meter.
create table ledger.upload_terms (
    site_code text not null, data_code text not null, destination text not null,
    kind text not null check (kind in ('flow', 'meter')),
    code text not null,
    coefficient numeric not null,
    primary key (site_code, data_code, destination, kind, code)
);
comment on table ledger.upload_terms is 'One row per uploaded item and flow or meter of its expression, with its coefficient.';
create index on ledger.upload_terms (site_code, code);

create table ledger.upload_values (
    site_code text not null,
    data_code text not null, stat_type smallint not null check (stat_type between 0 and 3),
    stat_date timestamp not null,              -- start of the period, the site's own clock, as the platform has it
    destination text not null default '*',
    value numeric not null,
    reason text,
    remark text, retired_on date,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, data_code, stat_type, stat_date, destination)
);
comment on table ledger.upload_values is 'One row per item, statistic, period and platform whose value somebody entered by hand; filled retired_on: it counts no more.';

-- What the parts of the data quality index count for at this site, instead of the seed's weights.
create table ledger.quality_weights (
    site_code text not null,
    part text not null check (
        part in ('completeness', 'accuracy', 'timeliness', 'verifiability', 'validity', 'conformity')
    ),
    valid_from date not null default '-infinity', valid_to date not null default 'infinity',
    weight numeric not null check (weight >= 0),
    source text,
    remark text,
    batch_id bigint not null, recorded_at timestamptz not null default now(),
    primary key (site_code, part, valid_from)
);
comment on table ledger.quality_weights is 'One row per part of the data quality index and span of days (half-open) whose weight the site gives itself.';

do $$
declare
    name text;
begin
    foreach name in array array['upload_items', 'upload_terms', 'upload_values', 'quality_weights'] loop
        perform ledger.keep_history(format('ledger.%I', name)::regclass);
    end loop;
end $$;

-- ---------------------------------------------------------------- rows from before
-- Items were kept whole among other rows, by whatever headers they came with. Those whose columns and values have
-- the form of the new ledger go on there. An expression is taken apart by the import alone, so rows with one stay
-- where they are, like all others, until their file is loaded again.
select
    set_config('nengduan.actor', '系统升级', true),
    set_config('nengduan.reason', '上传数据项改为单独的台账', true);
do $$
declare
    one record;
    code text;
    digits text;
begin
    for one in
        select * from ledger.other_rows
        where
            file = 'upload_items'
            and not exists (
                select from jsonb_object_keys(row) as keys (name)
                where name not in (
                    'data_code', 'destination', 'name', 'flow', 'flow_code', 'figure', 'product_code', 'stat_types',
                    'stat_type', 'interval_minutes', 'input_type', 'scope', 'factor', 'least_coverage', 'value_min',
                    'value_max', 'equipment_code', 'collect_system', 'remark'
                )
            )
        order by site_code, row_key
    loop
        digits := replace(one.row ->> 'data_code', '-', '');
        continue when digits is null or digits !~ '^\d{16}$';
        code := regexp_replace(digits, '^(..)(..)(....)(......)(..)$', '\1-\2-\3-\4-\5');
        begin
            insert into ledger.upload_items (
                site_code, data_code, destination, name, flow_code, figure, product_code, stat_types, interval_minutes,
                input_type, scope, factor, least_coverage, value_min, value_max, equipment_code, collect_system, remark,
                retired_on, batch_id, recorded_at
            )
            select
                one.site_code,
                code,
                coalesce(one.row ->> 'destination', '*'),
                one.row ->> 'name',
                coalesce(one.row ->> 'flow', one.row ->> 'flow_code'),
                coalesce(one.row ->> 'figure', 'quantity'),
                one.row ->> 'product_code',
                coalesce(replace(coalesce(one.row ->> 'stat_types', one.row ->> 'stat_type'), ' ', ''), '1'),
                coalesce((one.row ->> 'interval_minutes')::smallint, 15),
                coalesce((one.row ->> 'input_type')::smallint, case when one.row ->> 'figure' = 'manual' then 5 else 4 end),
                coalesce(
                    (one.row ->> 'scope')::smallint,
                    case
                        when left(digits, 8) = '00000000' then 1
                        when substr(digits, 3, 6) = '000000' then 2
                        when substr(digits, 5, 4) = '0000' then 3
                        else 4
                    end
                ),
                coalesce((one.row ->> 'factor')::numeric, 1),
                coalesce((one.row ->> 'least_coverage')::numeric, 0.9),
                (one.row ->> 'value_min')::numeric,
                (one.row ->> 'value_max')::numeric,
                one.row ->> 'equipment_code',
                one.row ->> 'collect_system',
                one.row ->> 'remark',
                one.retired_on,
                one.batch_id,
                one.recorded_at
            where
                coalesce(one.row ->> 'flow', one.row ->> 'flow_code') is null
                or exists (
                    select from ledger.flows as flows
                    where
                        flows.site_code = one.site_code
                        and flows.flow_code = coalesce(one.row ->> 'flow', one.row ->> 'flow_code')
                );
            if found then
                delete from ledger.other_rows
                where site_code = one.site_code and file = one.file and row_key = one.row_key;
            end if;
        exception
            when integrity_constraint_violation or data_exception then null;  -- it stays as it came
        end;
    end loop;
end $$;
select set_config('nengduan.actor', '', true), set_config('nengduan.reason', '', true);

-- ---------------------------------------------------------------- rights
grant select, insert, update, delete on ledger.upload_items, ledger.upload_terms, ledger.upload_values,
ledger.quality_weights to nengduan_ingest;
grant select on ledger.upload_items, ledger.upload_terms, ledger.upload_values, ledger.quality_weights
to nengduan_transform, nengduan_audit, nengduan_keep, nengduan_upload;
grant insert, update on ledger.upload_items, ledger.upload_terms, ledger.upload_values, ledger.quality_weights
to nengduan_keep;
grant delete on ledger.upload_terms to nengduan_keep;
