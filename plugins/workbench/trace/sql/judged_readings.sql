-- Part of readings and reading_counts: every reading that landed for the meters, with its verdict (contract §2).
-- What the rules rejected is in the quarantine; of the sound rest the highest revision of an instant stands.
bounds as (
    select * from unnest(
        %(meter_codes)s::text[], %(bounds_from)s::timestamptz[], %(bounds_to)s::timestamptz[]
    ) as bounds (meter_code, from_at, to_at)
),

rejected as (
    select * from quarantine.rejected_by_rules
    where site_code = %(site_code)s::text and meter_code = any(%(meter_codes)s::text[])
),

landed as (
    select
        readings.meter_code,
        readings.read_at,
        readings.value,
        readings.quality,
        readings.revision,
        readings.batch_id,
        readings.line,
        batches.status,
        batches.status_reason,
        rejected.reason_code,
        rejected.reason,
        -- Row faults are out before revisions are compared.
        batches.status = 'accepted'
        and coalesce(rejected.reason_code not in ('unknown_meter', 'bad_quality', 'future_stamp'), true) as is_sound,
        (readings.batch_id << 32) + readings.line as copy
    from bounds
    inner join raw.readings as readings
        on
            readings.site_code = %(site_code)s::text
            and readings.meter_code = any(%(meter_codes)s::text[])
            and bounds.meter_code = readings.meter_code
            and readings.read_at >= bounds.from_at
            and readings.read_at <= bounds.to_at
            and readings.read_at >= %(least_from)s::timestamptz
            and readings.read_at <= %(greatest_to)s::timestamptz
    inner join ops.batches as batches on readings.batch_id = batches.batch_id
    left join rejected
        on
            readings.batch_id = rejected.batch_id
            and readings.line = rejected.line
            and readings.meter_code = rejected.meter_code
            and readings.read_at = rejected.read_at
),

compared as (
    select
        landed.*,
        max(revision) filter (where is_sound) over of_instant as standing_revision,
        min(copy) filter (where is_sound) over of_revision as first_copy
    from landed
    window
        of_instant as (partition by meter_code, read_at),
        of_revision as (partition by meter_code, read_at, revision)
),

judged as (
    select
        compared.*,
        case
            when status = 'held' then 'held'
            when status <> 'accepted' then 'waiting'
            when reason_code is not null then reason_code
            when revision < standing_revision then 'superseded'
            when copy > first_copy then 'repeated'
            else 'accepted'
        end as verdict
    from compared
)
