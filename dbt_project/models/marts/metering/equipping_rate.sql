with counted as (
    select
        points.site_code,
        points.energy_code,
        categories.name as energy_name,
        categories.category,
        categories.category_source,
        points.level,
        points.needed_count,
        cardinality(points.meter_codes) as installed_count,
        points.unmeasured_flows,
        points.difference_flows
    from {{ ref('int_equipping__points') }} as points
    inner join {{ ref('int_energies__metering_categories') }} as categories
        on points.site_code = categories.site_code and points.energy_code = categories.energy_code
    union all
    -- Meters of an energy and level through which no flow is drawn: what is needed there can't be known.
    select
        meters.site_code,
        meters.energy_code,
        categories.name as energy_name,
        categories.category,
        categories.category_source,
        meters.level,
        null::integer as needed_count,
        count(*)::integer as installed_count,
        '{}'::text[] as unmeasured_flows,
        '{}'::text[] as difference_flows
    from {{ ref('stg_ledger__meters') }} as meters
    inner join {{ ref('int_energies__metering_categories') }} as categories
        on meters.site_code = categories.site_code and meters.energy_code = categories.energy_code
    inner join {{ ref('int_sites__today') }} as clocks on meters.site_code = clocks.site_code
    left join {{ ref('int_equipping__points') }} as points
        on
            meters.site_code = points.site_code
            and meters.energy_code = points.energy_code
            and meters.level = points.level
    where
        meters.level is not null
        and coalesce({{ status_today() }} <> 'stopped', true)
        and points.site_code is null
    group by
        meters.site_code, meters.energy_code, categories.name, categories.category, categories.category_source, meters.level
),

required as (
    select
        counted.*,
        requirements.standard,
        requirements.required_rate_pct,
        requirements.clause,
        requirements.evidence,
        requirements.accuracy_evidence,
        requirements.valid_from,
        requirements.valid_to,
        clocks.today >= requirements.valid_from and clocks.today < requirements.valid_to as is_in_force,
        round(counted.installed_count * 100.0 / nullif(counted.needed_count, 0), 6) as rate_pct
    from counted
    inner join {{ ref('int_sites__today') }} as clocks on counted.site_code = clocks.site_code
    inner join {{ ref('int_equipping__requirements') }} as requirements
        on
            counted.site_code = requirements.site_code
            and counted.category = requirements.category
            and counted.level = requirements.level
),

-- Of the meters in use at that level, those of a difference too: each has to be as accurate as the level asks.
accuracy as (
    select
        site_code,
        energy_code,
        level,
        standard,
        count(*) filter (where is_accurate)::integer as accurate_count,
        count(*) filter (where not is_accurate)::integer as inaccurate_count,
        count(*) filter (where is_accurate is null)::integer as unknown_accuracy_count,
        string_agg(distinct accuracy_reason, '；') as accuracy_reason
    from {{ ref('int_meters__accuracy') }}
    where coalesce(status <> 'stopped', true)
    group by site_code, energy_code, level, standard
)

select
    required.site_code,
    required.energy_code,
    required.level,
    required.standard,
    required.energy_name,
    required.category,
    required.category_source,
    required.unmeasured_flows,
    required.difference_flows,
    case
        when required.needed_count is null then '无法判定'
        when required.required_rate_pct is null and required.evidence = 'missing' then '无法判定'
        when required.required_rate_pct is null then '不适用'
        when required.rate_pct >= required.required_rate_pct then '达标'
        else '未达标'
    end as verdict,
    case
        when required.needed_count is null then '这一级没有能流，不知应配多少计量器具'
        when required.required_rate_pct is null and required.evidence = 'missing'
            then required.standard || ' 的配备率要求没有收录，请按正式文本填入台账“计量器具配备要求”'
        when required.required_rate_pct is null then required.standard || ' 对这一级没有要求'
        when required.rate_pct < required.required_rate_pct
            then concat_ws(
                '；',
                '应配 ' || required.needed_count || '，已配 ' || required.installed_count,
                '没有计量：' || nullif(array_to_string(required.unmeasured_flows, '、'), ''),
                '只由差值得到：' || nullif(array_to_string(required.difference_flows, '、'), '')
            )
    end as verdict_reason,
    case
        when accuracy.inaccurate_count > 0 then '未达标'
        when accuracy.unknown_accuracy_count > 0 or accuracy.accurate_count is null then '无法判定'
        else '达标'
    end as accuracy_verdict,
    case when accuracy.accurate_count is null then '没有计量器具' else accuracy.accuracy_reason end as accuracy_reason,
    required.clause,
    required.evidence,
    required.accuracy_evidence,
    required.needed_count,
    required.installed_count,
    required.rate_pct,
    required.required_rate_pct,
    coalesce(accuracy.accurate_count, 0) as accurate_count,
    coalesce(accuracy.inaccurate_count, 0) as inaccurate_count,
    coalesce(accuracy.unknown_accuracy_count, 0) as unknown_accuracy_count,
    required.is_in_force,
    required.valid_from,
    required.valid_to
from required
left join accuracy
    on
        required.site_code = accuracy.site_code
        and required.energy_code = accuracy.energy_code
        and required.level = accuracy.level
        and required.standard = accuracy.standard
