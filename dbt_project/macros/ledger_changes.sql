{#- What a change of the ledger makes dirty: found by comparing it with what was last computed from, so that it
    does not matter who changed it, and how. -#}

{#- A part of a meter's life whose rules changed, from its start to its end; one that only ends elsewhere, from
    the nearer end on. -#}
{% macro mark_changed_parts() -%}
    insert into ops.dirty_meters (site_code, meter_code, starts_at, ends_at, cause)
    select
        site_code,
        meter_code,
        to_timestamp(min(starts_us) / 1000000.0),
        to_timestamp(max(ends_us) / 1000000.0),
        '台账变更：计量器具或表计事件'
    from (
        select
            coalesce(now.site_code, built.site_code) as site_code,
            coalesce(now.meter_code, built.meter_code) as meter_code,
            case
                when now.run_number = built.run_number
                    and now.reading_kind = built.reading_kind
                    and now.interval_label = built.interval_label
                    and now.interval_us = built.interval_us
                    and now.max_per_hour is not distinct from built.max_per_hour
                    and now.starts_us = built.starts_us
                    and now.first_reading is not distinct from built.first_reading
                    and now.multiplier = built.multiplier
                    and now.register_max is not distinct from built.register_max
                    then least(now.ends_us, built.ends_us)
                else least(now.starts_us, built.starts_us)
            end as starts_us,
            greatest(now.ends_us, built.ends_us) as ends_us
        from {{ ref('int_meters__parts_now') }} as now
        full outer join {{ this }} as built
            on
                now.site_code = built.site_code
                and now.meter_code = built.meter_code
                and now.part_number = built.part_number
        where now is distinct from built
    ) as changed
    group by site_code, meter_code
{%- endmacro %}

{#- A meter of which quarters of an hour are asked for since, or no longer. -#}
{% macro mark_meters_of_changed_slots() -%}
    insert into ops.dirty_meters (site_code, meter_code, starts_at, ends_at, cause)
    select
        coalesce(now.site_code, built.site_code),
        coalesce(now.meter_code, built.meter_code),
        '{{ var("first_day") }}',
        '{{ var("last_day") }}',
        '台账变更：上传数据项'
    from {{ ref('int_meters__slotted_now') }} as now
    full outer join {{ this }} as built
        on now.site_code = built.site_code and now.meter_code = built.meter_code
    where now.meter_code is null or built.meter_code is null
{%- endmacro %}

{#- A flow whose meters changed: all its hours. One that moved (energy, level, item, unit, equipment): the sums
    it left and those it joined, by energy. -#}
{% macro changed_flows() -%}
    changed as (
        select
            coalesce(now.site_code, built.site_code) as site_code,
            coalesce(now.flow_code, built.flow_code) as flow_code,
            now.terms is distinct from built.terms or now.energy_code is distinct from built.energy_code
            as is_computed_anew,
            now.energy_code as energy_now,
            built.energy_code as energy_built
        from {{ ref('int_flows__definitions_now') }} as now
        full outer join {{ this }} as built
            on now.site_code = built.site_code and now.flow_code = built.flow_code
        where now is distinct from built
    )
{%- endmacro %}

{% macro mark_changed_flows() -%}
    insert into ops.dirty_flows (site_code, flow_code, starts_at, ends_at, cause)
    with {{ changed_flows() }}

    select site_code, flow_code, '{{ var("first_day") }}', '{{ var("last_day") }}', '台账变更：能流的计量表达式或能源'
    from changed
    where is_computed_anew
{%- endmacro %}

{% macro mark_energies_of_changed_flows() -%}
    insert into ops.dirty_energies (site_code, energy_code, starts_on, ends_on, cause)
    with {{ changed_flows() }}

    select distinct
        changed.site_code, energies.energy_code, date '{{ var("first_day") }}', date '{{ var("last_day") }}',
        '台账变更：能流的归属'
    from changed
    cross join lateral (values (changed.energy_now), (changed.energy_built)) as energies (energy_code)
    where energies.energy_code is not null
{%- endmacro %}

{#- Days on which a coefficient to standard coal is another than it was; days only one of the two knows, too. -#}
{% macro changed_coefficients() -%}
    differing as (
        select
            now.site_code,
            now.energy_code,
            greatest(now.valid_from, built.valid_from) as starts_on,
            least(now.valid_to, built.valid_to) as ends_on
        from {{ ref('int_energies__coefficients_now') }} as now
        inner join {{ this }} as built
            on
                now.site_code = built.site_code
                and now.energy_code = built.energy_code
                and now.valid_from < built.valid_to
                and built.valid_from < now.valid_to
        where
            (now.kgce_per_unit, now.kgce_per_unit_equal, now.reason)
            is distinct from (built.kgce_per_unit, built.kgce_per_unit_equal, built.reason)
    ),

    known as (
        select
            coalesce(now.site_code, built.site_code) as site_code,
            coalesce(now.energy_code, built.energy_code) as energy_code,
            coalesce(now.days, '{}'::datemultirange) as days_now,
            coalesce(built.days, '{}'::datemultirange) as days_built
        from (
            select site_code, energy_code, range_agg(daterange(valid_from, valid_to)) as days
            from {{ ref('int_energies__coefficients_now') }}
            group by site_code, energy_code
        ) as now
        full outer join (
            select site_code, energy_code, range_agg(daterange(valid_from, valid_to)) as days
            from {{ this }}
            group by site_code, energy_code
        ) as built on now.site_code = built.site_code and now.energy_code = built.energy_code
    ),

    stretches as (
        select site_code, energy_code, starts_on, ends_on from differing
        union all
        select known.site_code, known.energy_code, lower(days.days) as starts_on, upper(days.days) as ends_on
        from known
        cross join lateral unnest(
            (known.days_now - known.days_built) + (known.days_built - known.days_now)
        ) as days (days)
    ),

    bounded as (
        select
            site_code,
            energy_code,
            greatest(coalesce(starts_on, '-infinity'), date '{{ var("first_day") }}') as starts_on,
            least(coalesce(ends_on, 'infinity'), date '{{ var("last_day") }}') as ends_on
        from stretches
    )
{%- endmacro %}

{% macro mark_flows_of_changed_coefficients() -%}
    insert into ops.dirty_flows (site_code, flow_code, starts_at, ends_at, cause)
    with {{ changed_coefficients() }}

    select
        bounded.site_code,
        flows.flow_code,
        -- A day to either side: the day is the site's own, wherever that lies.
        greatest(bounded.starts_on - 1, date '{{ var("first_day") }}'),
        least(bounded.ends_on + 1, date '{{ var("last_day") }}'),
        '折标系数变更'
    from bounded
    inner join {{ ref('stg_ledger__flows') }} as flows
        on bounded.site_code = flows.site_code and bounded.energy_code = flows.energy_code
{%- endmacro %}

{% macro mark_changed_coefficients() -%}
    insert into ops.dirty_energies (site_code, energy_code, starts_on, ends_on, cause)
    with {{ changed_coefficients() }}

    select site_code, energy_code, starts_on, ends_on, '折标系数变更'
    from bounded
{%- endmacro %}

{#- The site's clock or shifts: everything of it is on another day, month or shift. -#}
{% macro changed_sites() -%}
    changed as (
        select
            coalesce(now.site_code, built.site_code) as site_code,
            (now.timezone, now.day_start) is distinct from (built.timezone, built.day_start) as has_other_days
        from {{ ref('int_sites__clocks_now') }} as now
        full outer join {{ this }} as built on now.site_code = built.site_code
        where now is distinct from built
    )
{%- endmacro %}

{% macro mark_meters_of_changed_sites() -%}
    insert into ops.dirty_meters (site_code, meter_code, starts_at, ends_at, cause)
    with {{ changed_sites() }}

    select meters.site_code, meters.meter_code, '{{ var("first_day") }}', '{{ var("last_day") }}', '台账变更：企业统计日'
    from changed
    inner join {{ ref('stg_ledger__meters') }} as meters on changed.site_code = meters.site_code
    where changed.has_other_days
{%- endmacro %}

{% macro mark_flows_of_changed_sites() -%}
    insert into ops.dirty_flows (site_code, flow_code, starts_at, ends_at, cause)
    with {{ changed_sites() }}

    select flows.site_code, flows.flow_code, '{{ var("first_day") }}', '{{ var("last_day") }}', '台账变更：企业统计期或班次'
    from changed
    inner join {{ ref('stg_ledger__flows') }} as flows on changed.site_code = flows.site_code
{%- endmacro %}

{% macro mark_changed_sites() -%}
    insert into ops.dirty_energies (site_code, energy_code, starts_on, ends_on, cause)
    with {{ changed_sites() }}

    select energies.site_code, energies.energy_code, date '{{ var("first_day") }}', date '{{ var("last_day") }}',
        '台账变更：企业统计期或班次'
    from changed
    inner join {{ ref('int_sites__energies') }} as energies on changed.site_code = energies.site_code
{%- endmacro %}

{#- Rows of a table that follows another: those that are no longer so. -#}
{% macro delete_gone(now, keys) -%}
    delete from {{ this }} as built
    using (select * from {{ this }} except select * from {{ now }}) as gone
    where
        {% for key in keys -%}
            built.{{ key }} = gone.{{ key }}{{ ' and ' if not loop.last }}
        {%- endfor %}
{%- endmacro %}
