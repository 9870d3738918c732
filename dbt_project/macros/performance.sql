{#- The figures of flows in the periods that this build's windows touch, one row per flow and period, with
    `keys` of the flows' columns beside them. -#}
{% macro flows_in_windows(keys, condition='true') -%}
{%- set figures %}
    figures.quantity_reason,
    figures.tce_equivalent_reason,
    figures.tce_equal_reason,
    figures.quantity,
    figures.tce_equivalent,
    figures.tce_equal,
    figures.coverage,
    figures.estimated_quantity
{%- endset %}
{%- set sources = [
    ('hour', ref('fct_energy_hourly'), 'hour_start', 'figures.hour_start_local', 'figures.hour_start', false),
    ('shift', ref('int_flows__shifts'), 'starts_at', 'figures.starts_local', 'figures.starts_at', false),
    (
        'day', ref('fct_energy_daily'), 'stat_date', 'figures.stat_date::timestamp',
        '(figures.stat_date + windows.day_start) at time zone windows.timezone', true,
    ),
] %}
{%- for period_type in ('week', 'month', 'quarter', 'year') %}
    {%- do sources.append((
        period_type,
        ref('int_flows__weeks_months') if period_type in ('week', 'month') else ref('int_flows__quarters_years'),
        'first_date', 'figures.first_date::timestamp', 'figures.starts_at', true,
    )) %}
{%- endfor %}
{%- for period_type, source, starts, period_start, period_start_at, is_dated in sources %}
select
    windows.site_code,
    windows.energy_code,
    windows.period_type,
    {{ 'figures.shift_code' if period_type == 'shift' else 'null::text' }} as shift_code,
    {% for key in keys -%}
        windows.{{ key }},
    {% endfor -%}
    {{ figures }},
    {{ period_start }} as period_start,
    {{ period_start_at }} as period_start_at
from {{ ref('int_energies__windows_of_flows') }} as windows
inner join {{ source }} as figures
    on
        windows.site_code = figures.site_code
        and windows.flow_code = figures.flow_code
        {% if is_dated -%}
            and windows.starts_local::date <= figures.{{ starts }}
            and windows.ends_local::date > figures.{{ starts }}
        {%- else -%}
            and windows.starts_at <= figures.{{ starts }}
            and windows.ends_at > figures.{{ starts }}
        {%- endif %}
        {%- if starts == 'first_date' %}
        and figures.period_type = '{{ period_type }}'
        {%- endif %}
where windows.period_type = '{{ period_type }}' and {{ condition }}
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endmacro %}

{#- Whether this process computes a sum of flows: one goes with all of its periods. -#}
{% macro is_my_sum(relation, keys) -%}
    {{ is_mine("concat_ws('/', " ~ relation ~ '.' ~ (['energy_code'] + keys) | join(', ' ~ relation ~ '.') ~ ')') }}
{%- endmacro %}

{#- The performance rows that are computed anew go first: all, or of the sums over `keys` those of this process. -#}
{% macro delete_performance(keys=none) -%}
    delete from {{ this }} as built
    using {{ ref('int_energies__windows') }} as windows
    where
        built.site_code = windows.site_code
        and built.period_type = windows.period_type
        and built.energy_code = windows.energy_code
        and built.period_start >= windows.starts_local
        and built.period_start < windows.ends_local
        {%- if keys %}
        and {{ is_my_sum('built', keys) }}
        {%- endif %}
{%- endmacro %}

{#- The sums of the flows' figures over some of their columns, per period (contract §3, by level and by item).
    Coverage is the mean over the group's metered flows, 0 for one without a figure. -#}
{% macro performance_by(keys, flow_count) -%}
with flows as (
    {{ flows_in_windows(keys + [flow_count], is_my_sum('windows', keys)) }}
),

sums as (
    select
        site_code,
        energy_code,
        period_type,
        {{ keys | join(', ') }},
        shift_code,
        {{ energy_sums() }},
        {{ energy_sum_reasons() }},
        sum(case when quantity is not null then coverage else 0 end) / max({{ flow_count }}) as coverage,
        period_start,
        period_start_at
    from flows
    group by
        site_code, energy_code, period_type, {{ keys | join(', ') }}, shift_code, period_start, period_start_at
)

select
    sums.site_code,
    sums.period_type,
    sums.energy_code,
    {% for key in keys -%}
        sums.{{ key }},
    {% endfor -%}
    sums.shift_code,
    sums.quantity_reason,
    sums.tce_equivalent_reason,
    sums.tce_equal_reason,
    sums.quantity,
    sums.tce_equivalent,
    sums.tce_equal,
    round(sums.coverage, 9) as coverage,
    sums.estimated_quantity,
    sums.period_start,
    sums.period_start_at
from sums
{%- endmacro %}
