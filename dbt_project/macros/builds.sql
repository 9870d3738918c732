{#- Which share of the meters and flows this process computes: `plugins.operations.passes` starts one process, and
    for a large backlog one for each core. Windows and marks are kept apart by it, so that processes side by side never
    meet. The numbers are literals in the SQL: a cluster's nodes know no settings of our session. -#}
{% macro worker() -%}
    {{ env_var('NENGDUAN_WORKER', '0') | int }}
{%- endmacro %}

{% macro workers() -%}
    {{ env_var('NENGDUAN_WORKERS', '1') | int }}
{%- endmacro %}

{% macro is_mine(code) -%}
    (hashtext({{ code }}) & 1048575) % {{ workers() }} = {{ worker() }}
{%- endmacro %}

{#- What an earlier pass left in a table of windows; one that worked alone clears up after any number of workers. -#}
{% macro delete_windows() -%}
    delete from {{ this }} where worker % {{ workers() }} = {{ worker() }}
{%- endmacro %}

{#- Marks that this build takes. A backlog beyond what fits into memory is taken some months at a time, oldest first;
    the caller runs again until none is left. Marks of one code overlap (its readings, its ledger, each meter of a
    sum), so no code counts for more days than lie between the first month it is marked in and the last. A mark that
    reaches far out of a month covers one month of data at most (longer ones were split), the one at its end or, where
    it has none, at its beginning; it goes with the slice that it begins in. -#}
{% macro take_marks(table, code, condition='true') -%}
    with open_marks as (
        select
            *,
            case
                when ends_at < '{{ var("last_day") }}' then greatest(starts_at, ends_at - interval '31 days')
                else starts_at
            end as data_from
        from {{ table }} as marks
        where not is_taken and {{ is_mine(code) }} and {{ condition }}
    ),

    by_code as (
        select
            first_at,
            last_at,
            least(days, coalesce(extract(epoch from last_at - first_at) / 86400, 0) + 31) as mark_days
        from (
            select
                sum(least(extract(epoch from ends_at - starts_at) / 86400, 31)) as days,
                min(data_from) filter (where data_from > '{{ var("first_day") }}') as first_at,
                max(data_from) filter (where data_from > '{{ var("first_day") }}') as last_at
            from open_marks
            group by site_code, {{ code }}
        ) as summed
    ),

    -- Worked out once, whatever the planner believes of a table that was empty a moment ago.
    backlog as materialized (
        select
            sum(mark_days) as mark_days,
            coalesce(
                date_trunc('month', min(first_at), 'UTC')
                + interval '1 month' * greatest(1, floor(
                    {{ var('slice_days') }} / greatest(sum(mark_days), 1)
                    * (1 + extract(epoch from max(last_at) - min(first_at)) / 2629800)
                )),
                '{{ var("last_day") }}'
            ) as slice_ends_at
        from by_code
    )

    update {{ table }} as marks
    set is_taken = true
    from open_marks, backlog
    where
        marks.site_code = open_marks.site_code
        and marks.mark_id = open_marks.mark_id
        and (backlog.mark_days <= {{ var('slice_days') }} or marks.starts_at < backlog.slice_ends_at)
{%- endmacro %}

{#- Islands: spans of one key that touch, or lie no further apart than `gap`, become one. -#}
{% macro islands(relation, keys, gap=none, starts='from_us', ends='to_us') -%}
    select
        {{ keys | join(', ') }},
        min({{ starts }}) as {{ starts }},
        max({{ ends }}) as {{ ends }}
    from (
        select
            joined.*,
            count(*) filter (where is_start) over (
                partition by {{ keys | join(', ') }} order by {{ starts }}, {{ ends }} rows unbounded preceding
            ) as island_number
        from (
            select
                *,
                coalesce(
                    {{ starts }} > max({{ ends }}) over (
                        partition by {{ keys | join(', ') }} order by {{ starts }}, {{ ends }}
                        rows between unbounded preceding and 1 preceding
                    ){{ ' + ' ~ gap if gap }},
                    true
                ) as is_start
            from {{ relation }}
        ) as joined
    ) as numbered
    group by {{ keys | join(', ') }}, island_number
{%- endmacro %}

{#- A mark of readings counts once its batch is accepted; one of the ledger, at once. -#}
{% macro is_accepted_mark() -%}
    (
        batch_id is null
        or not exists (
            select 1 from ops.batches as batches
            where batches.batch_id = marks.batch_id and batches.status <> 'accepted'
        )
    )
{%- endmacro %}

{#- What the rules have refused so far: a model that this one comes before, so it can't be a reference. -#}
{% macro rejected_readings() -%}
    quarantine.rejected_by_rules
{%- endmacro %}

{#- The nearest instants to one side whose reading counts, as far as the last build judged. -#}
{% macro accepted_instants(relation, side, instant, direction, count) -%}
    select readings.read_us
    from {{ ref('stg_raw__readings') }} as readings
    where
        readings.site_code = {{ relation }}.site_code
        and readings.meter_code = {{ relation }}.meter_code
        and readings.read_at {{ side }} {{ instant }}
        and not exists (
            select 1 from {{ rejected_readings() }} as rejected
            where
                rejected.site_code = readings.site_code
                and rejected.meter_code = readings.meter_code
                and rejected.read_at = readings.read_at
        )
    group by readings.read_at, readings.read_us
    order by readings.read_at {{ direction }}
    limit {{ count }}
{%- endmacro %}

{#- A mark over more than two months (a multiplier, a whole rebuild) is worked month by month like any other:
    pieces within what is known of the meter, of which the outermost reach on by themselves. -#}
{% macro split_long_marks() -%}
    insert into ops.dirty_meters (site_code, meter_code, starts_at, ends_at, batch_id, cause, marked_at, is_piece)
    select
        marks.site_code,
        marks.meter_code,
        greatest(bounds.starts_at, months.starts_at),
        least(bounds.ends_at, months.starts_at + interval '1 month' - interval '1 microsecond'),
        marks.batch_id,
        marks.cause,
        marks.marked_at,
        true
    from ops.dirty_meters as marks
    cross join lateral (
        select min(known.at) as first_at, max(known.at) as last_at
        from (
            {% for direction in ('asc', 'desc') -%}
                (
                    select readings.read_at as at
                    from {{ ref('stg_raw__readings') }} as readings
                    where readings.site_code = marks.site_code and readings.meter_code = marks.meter_code
                    order by readings.read_at {{ direction }}
                    limit 1
                )
                union all
            {% endfor -%}
            select event_at as at
            from {{ ref('stg_ledger__meter_events') }} as events
            where events.site_code = marks.site_code and events.meter_code = marks.meter_code
        ) as known
    ) as extent
    cross join lateral (
        select
            least(greatest(marks.starts_at, extent.first_at), extent.last_at) as starts_at,
            greatest(least(marks.ends_at, extent.last_at), extent.first_at) as ends_at
    ) as bounds
    cross join lateral generate_series(
        date_trunc('month', bounds.starts_at, 'UTC'), bounds.ends_at, interval '1 month'
    ) as months (starts_at)
    where
        {{ is_long_mark() }}
        -- What lies between two readings is reached from either of them.
        and (
            exists (
                select 1 from {{ ref('stg_raw__readings') }} as readings
                where
                    readings.site_code = marks.site_code
                    and readings.meter_code = marks.meter_code
                    and readings.read_at >= months.starts_at
                    and readings.read_at < months.starts_at + interval '1 month'
            )
            or exists (
                select 1 from {{ ref('stg_ledger__meter_events') }} as events
                where
                    events.site_code = marks.site_code
                    and events.meter_code = marks.meter_code
                    and events.event_at >= months.starts_at
                    and events.event_at < months.starts_at + interval '1 month'
            )
        )
{%- endmacro %}

{% macro delete_long_marks() -%}
    delete from ops.dirty_meters as marks
    where {{ is_long_mark() }}
{%- endmacro %}

{% macro is_long_mark() -%}
    not marks.is_taken
    and not marks.is_piece
    and marks.ends_at - marks.starts_at > interval '62 days'
    and {{ is_mine('marks.meter_code') }}
    and {{ is_accepted_mark() }}
{%- endmacro %}

{#- What the windows of this build compute anew goes first. -#}
{% macro delete_in_windows(instant) -%}
    delete from {{ this }} as built
    using {{ ref('int_meters__windows') }} as windows
    where
        windows.worker = {{ worker() }}
        and built.site_code = windows.site_code
        and built.meter_code = windows.meter_code
        and built.{{ instant }} >= windows.emit_from_at
        and built.{{ instant }} < windows.emit_to_at
{%- endmacro %}

{#- The whole statistical days that the windows of this build touch; two windows may touch one day. -#}
{% macro days_of_windows() -%}
    select
        dates.*,
        (first_date + day_start) at time zone timezone as starts_at,
        (after_date + day_start) at time zone timezone as ends_at
    from (
        {{ islands(
            '(
                select
                    windows.site_code,
                    windows.meter_code,
                    clocks.timezone,
                    clocks.day_start,
                    (windows.emit_from_at at time zone clocks.timezone - clocks.day_start)::date as first_date,
                    (windows.emit_to_at at time zone clocks.timezone - clocks.day_start)::date + 1 as after_date
                from ' ~ ref('int_meters__windows') ~ ' as windows
                inner join ' ~ ref('int_sites__clocks') ~ ' as clocks on windows.site_code = clocks.site_code
                where windows.worker = ' ~ worker() ~ ' and windows.is_known
            ) as touched',
            ['site_code', 'meter_code', 'timezone', 'day_start'], starts='first_date', ends='after_date'
        ) }}
    ) as dates
{%- endmacro %}

{% macro mark_flows_of_windows() -%}
    insert into ops.dirty_flows (site_code, flow_code, starts_at, ends_at, cause)
    select distinct windows.site_code, terms.flow_code, windows.emit_from_at, windows.emit_to_at, '读数'
    from {{ ref('int_meters__windows') }} as windows
    inner join {{ ref('int_flows__terms') }} as terms
        on windows.site_code = terms.site_code and windows.meter_code = terms.meter_code
    where windows.worker = {{ worker() }}
{%- endmacro %}

{#- What the gate over the marts has to look at (quality/suites). -#}
{% macro note_unjudged_meters() -%}
    insert into ops.unjudged (site_code, kind, code, starts_on, ends_on)
    select site_code, 'meter', meter_code, first_date, after_date from ({{ days_of_windows() }}) as days
{%- endmacro %}

{% macro note_unjudged_flows() -%}
    insert into ops.unjudged (site_code, kind, code, starts_on, ends_on)
    select site_code, 'flow', flow_code, first_date, after_date
    from {{ ref('int_flows__windows') }}
    where worker = {{ worker() }}
{%- endmacro %}

{% macro forget_taken_meters() -%}
    delete from ops.dirty_meters
    where is_taken and {{ is_mine('meter_code') }}
{%- endmacro %}

{#- Shifts that hold one of the windows' hours began at most a day before it. -#}
{% macro shift_windows() -%}
    {{ islands(
        '(
            select
                site_code, flow_code, timezone,
                starts_at at time zone timezone - interval \'24 hours\' as starts_local,
                ends_at at time zone timezone as ends_local
            from ' ~ ref('int_flows__windows') ~ '
            where worker = ' ~ worker() ~ '
        ) as reaches',
        ['site_code', 'flow_code', 'timezone'], starts='starts_local', ends='ends_local'
    ) }}
{%- endmacro %}

{% macro mark_energies_of_windows() -%}
    insert into ops.dirty_energies (site_code, energy_code, starts_on, ends_on, cause)
    select distinct windows.site_code, definitions.energy_code, windows.first_date, windows.after_date, '能流'
    from {{ ref('int_flows__windows') }} as windows
    inner join {{ ref('int_flows__definitions') }} as definitions
        on windows.site_code = definitions.site_code and windows.flow_code = definitions.flow_code
    where windows.worker = {{ worker() }}
{%- endmacro %}

{% macro forget_taken_flows() -%}
    delete from ops.dirty_flows
    where is_taken and {{ is_mine('flow_code') }}
{%- endmacro %}

{% macro forget_taken_energies() -%}
    delete from ops.dirty_energies
    where is_taken
{%- endmacro %}

{#- The days of a site that the energies' windows touch. -#}
{% macro dates_of_windows() -%}
    {{ islands(
        '(
            select site_code, starts_local::date as first_date, ends_local::date as after_date
            from ' ~ ref('int_energies__windows') ~ '
            where period_type = \'day\'
        ) as touched',
        ['site_code'], starts='first_date', ends='after_date'
    ) }}
{%- endmacro %}

{#- The same for flows: months within what is known of its meters by now, the first and the last without bound, so
    that rows of an earlier expression go too. What is computed of the meters later brings marks of its own. -#}
{% macro split_long_flow_marks() -%}
    insert into ops.dirty_flows (site_code, flow_code, starts_at, ends_at, cause, marked_at, is_piece)
    select
        marks.site_code,
        marks.flow_code,
        case
            when months.starts_at <= bounds.starts_at then marks.starts_at
            else months.starts_at
        end,
        case
            when months.starts_at + interval '1 month' > bounds.ends_at then marks.ends_at
            else months.starts_at + interval '1 month'
        end,
        marks.cause,
        marks.marked_at,
        true
    from ops.dirty_flows as marks
    cross join lateral (
        select
            coalesce(min(days.stat_date), date '1970-01-01')::timestamptz as first_at,
            coalesce(max(days.stat_date), date '1970-01-01')::timestamptz as last_at
        from {{ ref('int_flows__terms') }} as terms
        inner join {{ ref('int_meters__days') }} as days
            on terms.site_code = days.site_code and terms.meter_code = days.meter_code
        where terms.site_code = marks.site_code and terms.flow_code = marks.flow_code
    ) as extent
    cross join lateral (
        select
            least(greatest(marks.starts_at, extent.first_at), extent.last_at) as starts_at,
            greatest(least(marks.ends_at, extent.last_at), extent.first_at) as ends_at
    ) as bounds
    cross join lateral generate_series(
        date_trunc('month', bounds.starts_at, 'UTC'), bounds.ends_at, interval '1 month'
    ) as months (starts_at)
    where {{ is_long_flow_mark() }}
{%- endmacro %}

{% macro delete_long_flow_marks() -%}
    delete from ops.dirty_flows as marks
    where {{ is_long_flow_mark() }}
{%- endmacro %}

{% macro is_long_flow_mark() -%}
    not marks.is_taken
    and not marks.is_piece
    and marks.ends_at - marks.starts_at > interval '62 days'
    and {{ is_mine('marks.flow_code') }}
{%- endmacro %}
