{{ config(materialized='view') }}
-- One row per difference of a closed month and cause that was found for it, told in Chinese. A cause is what came
-- after the closing and touches the figure; several may stand side by side, and none is weighed.
{%- set shown = 8 %}
with differences as (
    select * from {{ ref('int_closings__differences') }}
),

-- A step of a counter reaches over the month's edges to the neighbours in time, and a neighbour is judged by its
-- own neighbour: two readings on either side belong to the month. A rate holds until its next reading. Only an
-- interval speaks for itself alone.
touched_meters as (
    select
        differences.site_code,
        differences.closing_id,
        differences.subject,
        meter.code as meter_code,
        differences.accepted_batches,
        differences.timezone,
        case
            when ledger.reading_kind = 'interval'
                then differences.starts_at - ledger.interval_us * interval '1 microsecond'
            else coalesce(
                (
                    select readings.read_at
                    from {{ ref('stg_raw__readings') }} as readings
                    where
                        readings.site_code = differences.site_code and readings.meter_code = meter.code
                        and readings.read_at < differences.starts_at
                    group by readings.read_at
                    order by readings.read_at desc
                    limit 1 offset 1
                ), '-infinity'
            )
        end as reach_from,
        case
            when ledger.reading_kind = 'interval'
                then differences.ends_at + ledger.interval_us * interval '1 microsecond'
            else coalesce(
                (
                    select readings.read_at
                    from {{ ref('stg_raw__readings') }} as readings
                    where
                        readings.site_code = differences.site_code and readings.meter_code = meter.code
                        and readings.read_at >= differences.ends_at
                    group by readings.read_at
                    order by readings.read_at asc
                    limit 1 offset 1
                ), 'infinity'
            )
        end as reach_to
    from differences
    cross join lateral unnest(differences.meters) as meter (code)
    left join {{ ref('stg_ledger__meters') }} as ledger
        on differences.site_code = ledger.site_code and meter.code = ledger.meter_code
),

late_readings as (
    select
        touched.site_code,
        touched.closing_id,
        touched.subject,
        touched.timezone,
        readings.batch_id,
        string_agg(distinct touched.meter_code, '、' order by touched.meter_code) as meters,
        count(*) as reading_count
    from touched_meters as touched
    inner join {{ ref('stg_raw__readings') }} as readings
        on
            touched.site_code = readings.site_code
            and touched.meter_code = readings.meter_code
            and touched.reach_from <= readings.read_at
            and touched.reach_to >= readings.read_at
    where
        not touched.accepted_batches @> readings.batch_id
        -- The same value once more says nothing new.
        and not exists (
            select 1 from {{ ref('stg_raw__readings') }} as known
            where
                known.site_code = readings.site_code and known.meter_code = readings.meter_code
                and known.read_at = readings.read_at and known.revision = readings.revision
                and known.value = readings.value and known.quality = readings.quality
                and touched.accepted_batches @> known.batch_id
        )
    group by touched.site_code, touched.closing_id, touched.subject, touched.timezone, readings.batch_id
),

documents as (
    select site_code, energy_code, kind, date, batch_id from {{ ref('stg_raw__purchases') }}
    union all
    select site_code, energy_code, kind, date, batch_id from {{ ref('stg_raw__stocks') }}
),

late_documents as (
    select
        differences.site_code,
        differences.closing_id,
        differences.subject,
        differences.timezone,
        documents.batch_id,
        count(*) as document_count
    from differences
    inner join documents
        on
            differences.site_code = documents.site_code
            and differences.energy_code = documents.energy_code
            -- The closing stock of the day before, and the opening stock of the day after, stand in.
            and documents.date between differences.period_start - 1 and differences.period_end
    where
        not differences.accepted_batches @> documents.batch_id
        and (
            (differences.scope = 'intake' and not differences.is_metered and documents.kind in ('purchase', 'sale'))
            or (differences.scope = 'stock' and documents.kind not in ('purchase', 'sale'))
        )
    group by
        differences.site_code, differences.closing_id, differences.subject, differences.timezone, documents.batch_id
),

late_batches as (
    select
        site_code, closing_id, subject, timezone, batch_id, 'late_readings' as cause,
        reading_count || ' 条读数，' || meters as told
    from late_readings
    union all
    select
        site_code, closing_id, subject, timezone, batch_id, 'late_documents' as cause,
        document_count || ' 条单据' as told
    from late_documents
),

told_batches as (
    select
        late.site_code,
        late.closing_id,
        late.subject,
        late.cause,
        batches.received_at as caused_at,
        batches.file || '（批次 ' || late.batch_id || '，' || {{ told_at('batches.received_at', 'late.timezone') }}
        || coalesce(' 由 ' || batches.actor, '') || ' 接收，' || late.told || coalesce('，' || batches.reason, '') || '）'
        as told,
        row_number() over (
            partition by late.site_code, late.closing_id, late.subject, late.cause
            order by batches.received_at, late.batch_id
        ) as place
    from late_batches as late
    inner join {{ ref('stg_ops__batches') }} as batches
        on late.site_code = batches.site_code and late.batch_id = batches.batch_id
),

-- Of a ledger's columns only these move a figure.
ledger_columns as (
    select *
    from (
        values
        ('meters', array[
            'energy_code', 'reading_kind', 'multiplier', 'register_max', 'interval_minutes', 'interval_label',
            'max_per_hour'
        ]),
        ('meter_events', array[
            'event_at', 'kind', 'old_last_reading', 'new_first_reading', 'new_multiplier', 'new_register_max'
        ]),
        ('flows', array['energy_code', 'measured_by', 'level', 'item']),
        ('flow_terms', array['meter_code', 'coefficient']),
        ('energies', array['kgce_per_unit', 'kgce_per_unit_equal', 'class', 'valid_from', 'valid_to']),
        ('calorific_values', array['kj_per_unit', 'valid_from', 'valid_to']),
        ('sites', array['timezone', 'day_start', 'month_start_day'])
    ) as known (table_name, column_names)
),

ledger_changes as (
    select
        changes.*,
        fields.told as fields_told
    from {{ ref('stg_ledger__changes') }} as changes
    inner join ledger_columns on changes.table_name = ledger_columns.table_name
    cross join lateral (
        select
            string_agg(
                names.column_name || ' ' || coalesce(changes.before ->> names.column_name, '空') || ' → '
                || coalesce(changes.after ->> names.column_name, '空'), '，' order by names.position
            ) as told
        from unnest(ledger_columns.column_names) with ordinality as names (column_name, position)
        where
            changes.before ->> names.column_name is distinct from changes.after ->> names.column_name
    ) as fields
    where fields.told is not null
),

told_changes as (
    select
        differences.site_code,
        differences.closing_id,
        differences.subject,
        'ledger_change' as cause,
        changes.changed_at as caused_at,
        '台账 ' || changes.table_name || ' '
        || coalesce(
            changes.row_key ->> 'meter_code', changes.row_key ->> 'flow_code', changes.row_key ->> 'energy_code', ''
        )
        || case when changes.before is null then ' 新增' when changes.after is null then ' 删除' else ' 修改' end
        || '：' || changes.fields_told
        || '（' || changes.changed_by || '，' || {{ told_at('changes.changed_at', 'differences.timezone') }}
        || coalesce('，' || changes.reason, '') || '）' as told,
        row_number() over (
            partition by differences.site_code, differences.closing_id, differences.subject
            order by changes.change_id
        ) as place
    from differences
    inner join ledger_changes as changes
        on
            differences.site_code = changes.site_code
            and differences.last_change_id < changes.change_id
            and case
                when changes.table_name = 'sites' then true
                when changes.table_name in ('energies', 'calorific_values')
                    then
                        changes.row_key ->> 'energy_code' in (differences.energy_code, differences.now_energy_code)
                        and differences.closed_coefficients is distinct from differences.now_coefficients
                when changes.table_name = 'flows' and differences.scope = 'intake'
                    then
                        differences.energy_code in (changes.before ->> 'energy_code', changes.after ->> 'energy_code')
                        and '1' in (changes.before ->> 'level', changes.after ->> 'level')
                when differences.scope <> 'flow' then false
                when changes.table_name in ('flows', 'flow_terms')
                    then changes.row_key ->> 'flow_code' = differences.flow_code
                else changes.row_key ->> 'meter_code' = any(differences.meters)
            end
),

coefficient_changes as (
    select
        site_code,
        closing_id,
        subject,
        'coefficient_change' as cause,
        null::timestamptz as caused_at,
        '折标系数与结账时不同，现为：' || coalesce(now_coefficients_told, '无') as told,
        1 as place
    from differences
    where is_closed and is_now and closed_coefficients is distinct from now_coefficients
),

appearances as (
    select
        site_code,
        closing_id,
        subject,
        case when is_now then 'added' else 'removed' end as cause,
        null::timestamptz as caused_at,
        case when scope = 'flow' then '流' else '能源' end
        || case when is_now then '在结账时没有，结账后新增' else '在结账时有，现已没有' end as told,
        1 as place
    from differences
    where is_closed <> is_now
),

flow_differences as (
    select
        energies.site_code,
        energies.closing_id,
        energies.subject,
        'flow_differences' as cause,
        null::timestamptz as caused_at,
        '来自流的差异：' || string_agg(flows.flow_code, '、' order by flows.flow_code) as told,
        1 as place
    from differences as energies
    inner join differences as flows
        on
            energies.site_code = flows.site_code
            and energies.closing_id = flows.closing_id
            and energies.energy_code = flows.energy_code
    left join {{ ref('stg_ledger__flows') }} as ledger
        on flows.site_code = ledger.site_code and flows.flow_code = ledger.flow_code
    where
        energies.scope = 'intake' and energies.is_metered and flows.scope = 'flow'
        -- The intake is made of these; a flow that is gone may have been one.
        and (ledger.flow_code is null or (ledger.level = 1 and ledger.item in ('purchase', 'export')))
    group by energies.site_code, energies.closing_id, energies.subject
),

causes as (
    select * from told_batches
    union all
    select * from told_changes
    union all
    select * from coefficient_changes
    union all
    select * from appearances
    union all
    select * from flow_differences
)

select
    site_code,
    closing_id,
    subject,
    cause,
    min(caused_at) as caused_at,
    case cause
        when 'late_readings' then '结账后接收的读数：'
        when 'late_documents' then '结账后接收的单据：'
        else ''
    end
    || string_agg(told, '；' order by place) filter (where place <= {{ shown }})
    || case when count(*) > {{ shown }} then '；等共 ' || count(*) || ' 项' else '' end as told
from causes
group by site_code, closing_id, subject, cause
