-- One row per piece of equipment and statistical day on which it has a rule: hours by state, and the power while it
-- ran. An hour's state is that of its mean measured power (docs/decisions/0013); hysteresis looks back a day at most,
-- so that one day costs two days' hours, whatever history has grown to.
{% set states = ['running', 'idle', 'standby'] %}
with rule_days as (
    select
        rules.site_code,
        rules.equipment_code,
        rules.flow_code,
        rules.running_above_kw,
        rules.idle_above_kw,
        rules.standby_above_kw,
        coalesce(rules.hysteresis_kw, 0) as hysteresis_kw,
        rules.valid_from,
        dates.stat_date,
        (dates.stat_date + clocks.day_start) at time zone clocks.timezone as starts_at,
        (dates.stat_date + 1 + clocks.day_start) at time zone clocks.timezone as ends_at,
        {{ hours_between('dates.stat_date', 'dates.stat_date + 1') }} as day_hours
    from {{ ref('int_sites__dates') }} as dates
    inner join {{ ref('stg_ledger__equipment_rules') }} as rules
        on
            dates.site_code = rules.site_code
            and dates.stat_date >= rules.valid_from
            and dates.stat_date < rules.valid_to
    inner join {{ ref('int_sites__clocks') }} as clocks on dates.site_code = clocks.site_code
)

select
    rule_days.site_code,
    rule_days.equipment_code,
    rule_days.valid_from,
    rule_days.stat_date,
    rule_days.day_hours,
    case when rule_days.running_above_kw is not null then coalesce(hours.running_hours, 0)::numeric end as running_hours,
    case when rule_days.idle_above_kw is not null then coalesce(hours.idle_hours, 0)::numeric end as idle_hours,
    case when rule_days.standby_above_kw is not null then coalesce(hours.standby_hours, 0)::numeric end as standby_hours,
    case when rule_days.running_above_kw is not null then coalesce(hours.stopped_hours, 0)::numeric end as stopped_hours,
    rule_days.day_hours - coalesce(hours.known_hours, 0) as unknown_hours,
    hours.running_power
from rule_days
left join lateral (
    select
        count(*) filter (where state = 'running') as running_hours,
        count(*) filter (where state = 'idle') as idle_hours,
        count(*) filter (where state = 'standby') as standby_hours,
        count(*) filter (where state = 'stopped') as stopped_hours,
        count(*) filter (where state is not null) as known_hours,
        avg(power) filter (where state = 'running') as running_power
    from (
        select
            held.stat_date,
            held.power,
            case
                when held.power is null or rule_days.running_above_kw is null then null
                {%- for state in states %}
                when bool_or(held.is_{{ state }}) over (partition by held.{{ state }}_number) then '{{ state }}'
                {%- endfor %}
                else 'stopped'
            end as state
        from (
            select
                decided.*
                {%- for state in states %},
                count(decided.is_{{ state }}) over (order by decided.hour_start) as {{ state }}_number
                {%- endfor %}
            from (
                select
                    powers.hour_start,
                    powers.stat_date,
                    powers.power
                    {%- for state in states %},
                    {{ decides_by_itself(
                        'powers.power', 'rule_days.' ~ state ~ '_above_kw', 'rule_days.hysteresis_kw', 'powers.is_linked'
                    ) }} as is_{{ state }}
                    {%- endfor %}
                from (
                    select
                        measured.hour_start,
                        measured.stat_date,
                        measured.power,
                        coalesce(
                            lag(measured.power) over (order by measured.hour_start) is not null
                            and lag(measured.hour_start) over (order by measured.hour_start)
                            = measured.hour_start - interval '1 hour',
                            false
                        ) as is_linked
                    from (
                        select
                            energy.hour_start,
                            energy.stat_date,
                            -- What was measured over the time it was measured in; half an hour is enough to tell.
                            case
                                when energy.coverage >= 0.5 and energy.missing_meters = '{}'
                                    then (energy.quantity - energy.estimated_quantity) / energy.coverage
                            end as power
                        from {{ ref('fct_energy_hourly') }} as energy
                        where
                            energy.site_code = rule_days.site_code
                            and energy.flow_code = rule_days.flow_code
                            and energy.hour_start >= rule_days.starts_at - interval '24 hours'
                            and energy.hour_start < rule_days.ends_at
                    ) as measured
                ) as powers
            ) as decided
        ) as held
    ) as stated
    where stated.stat_date = rule_days.stat_date
) as hours on true
