with jjf1051_codes as (
    select
        codes.site_code,
        codes.code,
        min(codes.name) as name
    from (
        select
            own.site_code,
            own.code,
            own.name
        from {{ ref('stg_ledger__jjf1051_codes') }} as own
        inner join {{ ref('int_sites__today') }} as clocks on own.site_code = clocks.site_code
        where own.valid_from <= clocks.today and own.valid_to > clocks.today
        union all
        select
            sites.site_code,
            known.code,
            known.name
        from {{ ref('stg_ledger__sites') }} as sites
        cross join {{ ref('jjf1051_codes_known') }} as known
    ) as codes
    group by codes.site_code, codes.code
),

accuracy as (
    select
        site_code,
        meter_code,
        -- A meter at several levels meets the requirement when it meets all of them.
        case when bool_or(not is_accurate) then false when bool_and(is_accurate is not null) then true end as is_accurate,
        string_agg(distinct accuracy_reason, '；') as accuracy_reason
    from {{ ref('int_meters__accuracy') }}
    where is_in_force
    group by site_code, meter_code
),

collected as (
    select
        meters.site_code,
        meters.meter_code,
        meters.name,
        meters.energy_code,
        coalesce(meters.org_code, equipment.org_code) as org_code,
        meters.equipment_code,
        meters.level,
        meters.grade,
        meters.location,
        meters.connected_system,
        meters.reading_kind,
        {{ status_today() }} as status,
        meters.status_since,
        meters.interval_us,
        meters.jjf1051_code,
        meters.accuracy_class,
        collection.last_read_at,
        clocks.now_at,
        round(least(collection.covered_hours / collection.week_hours, 1), 9) as coverage
    from {{ ref('stg_ledger__meters') }} as meters
    inner join {{ ref('int_sites__today') }} as clocks on meters.site_code = clocks.site_code
    inner join {{ ref('int_meters__collection') }} as collection
        on meters.site_code = collection.site_code and meters.meter_code = collection.meter_code
    left join {{ ref('stg_ledger__equipment') }} as equipment
        on meters.site_code = equipment.site_code and meters.equipment_code = equipment.equipment_code
),

judged as (
    select
        *,
        case
            when status = 'stopped' then 'stopped'
            when reading_kind = 'manual' then 'manual'
            when last_read_at is null then 'never'
            when now_at - last_read_at <= 3 * interval_us * interval '1 microsecond' then 'online'
            else 'interrupted'
        end as communication,
        reading_kind <> 'manual' and coalesce(status <> 'stopped', true) as is_automatic
    from collected
)

select
    judged.site_code,
    judged.meter_code,
    judged.name,
    judged.energy_code,
    judged.org_code,
    judged.equipment_code,
    judged.level,
    judged.grade,
    judged.location,
    judged.connected_system,
    judged.status,
    judged.communication,
    case judged.communication
        when 'never' then '从来没有读数'
        when 'interrupted'
            then '已有 ' || round(extract(epoch from judged.now_at - judged.last_read_at) / 3600, 1) || ' 小时没有读数'
    end as communication_reason,
    judged.jjf1051_code,
    case
        when judged.jjf1051_code is null then 'missing'
        when codes.code is null then 'unknown'
        else 'known'
    end as jjf1051_state,
    codes.name as jjf1051_name,
    judged.accuracy_class,
    accuracy.is_accurate,
    case when accuracy.meter_code is null then '没有级别，不知准确度要求' else accuracy.accuracy_reason end
    as accuracy_reason,
    states.calibration_state,
    states.calibration_reason,
    states.days_left,
    judged.coverage,
    judged.is_automatic,
    judged.is_automatic and judged.coverage >= 0.9 as is_collected,
    judged.status_since,
    states.due_date,
    judged.last_read_at
from judged
inner join {{ ref('int_meters__calibration_states') }} as states
    on judged.site_code = states.site_code and judged.meter_code = states.meter_code
left join jjf1051_codes as codes on judged.site_code = codes.site_code and judged.jjf1051_code = codes.code
left join accuracy on judged.site_code = accuracy.site_code and judged.meter_code = accuracy.meter_code
