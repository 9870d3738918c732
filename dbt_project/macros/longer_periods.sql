{#- Sums of a flow's days (or months) over the longer periods that this build's windows touch. `starts` is the
    finer relation's column with its first day. -#}
{% macro delete_longer_periods(period_types) -%}
    delete from {{ this }} as built
    using (
        select distinct windows.site_code, windows.flow_code, periods.period_type, periods.from_date, periods.to_date
        from {{ ref('int_flows__windows') }} as windows
        cross join lateral (
            values
            {% for period_type in period_types -%}
                (
                    '{{ period_type }}',
                    {{ first_date_of(period_type, 'windows.first_date', 'windows.month_start_day') }},
                    windows.after_date
                ){{ ',' if not loop.last }}
            {%- endfor %}
        ) as periods (period_type, from_date, to_date)
        where windows.worker = {{ worker() }}
    ) as touched
    where
        built.site_code = touched.site_code
        and built.flow_code = touched.flow_code
        and built.period_type = touched.period_type
        and built.first_date >= touched.from_date
        and built.first_date < touched.to_date
{%- endmacro %}

{% macro longer_periods(period_types, finer, starts, hours) -%}
{%- for period_type in period_types %}
select
    site_code,
    flow_code,
    energy_code,
    '{{ period_type }}' as period_type,
    quantity_reason,
    tce_equivalent_reason,
    tce_equal_reason,
    missing_meters,
    quantity,
    tce_equivalent,
    tce_equal,
    round(least(covered_hours / period_hours, 1), 9) as coverage,
    estimated_quantity,
    {% if period_type == 'week' -%}
        null::date as stat_month,
    {% else -%}
        {{ stat_month('first_date', 'month_start_day') }} as stat_month,
    {% endif -%}
    period_hours,
    first_date,
    starts_at
from (
    select
        site_code,
        flow_code,
        energy_code,
        month_start_day,
        first_date,
        {{ energy_sums() }},
        {{ energy_sum_reasons() }},
        {{ union_of_arrays('missing_meters') }} as missing_meters,
        sum(coverage * {{ hours }}) as covered_hours,
        {{ hours_between('first_date', 'after_date') }} as period_hours,
        (first_date + day_start) at time zone timezone as starts_at
    from (
        select
            parts.*,
            windows.timezone,
            windows.day_start,
            windows.month_start_day,
            {{ first_date_of(period_type, 'parts.' ~ starts, 'windows.month_start_day') }} as first_date,
            {{ after_date_of(period_type, 'parts.' ~ starts, 'windows.month_start_day') }} as after_date
        from (
            {{ islands(
                '(
                    select
                        site_code, flow_code, timezone, day_start, month_start_day,
                        ' ~ first_date_of(period_type, 'first_date', 'month_start_day') ~ ' as from_date,
                        ' ~ after_date_of(period_type, 'after_date - 1', 'month_start_day') ~ ' as to_date
                    from ' ~ ref('int_flows__windows') ~ '
                    where worker = ' ~ worker() ~ '
                ) as touched',
                ['site_code', 'flow_code', 'timezone', 'day_start', 'month_start_day'],
                starts='from_date', ends='to_date'
            ) }}
        ) as windows
        inner join {{ finer }} as parts
            on
                windows.site_code = parts.site_code
                and windows.flow_code = parts.flow_code
                and windows.from_date <= parts.{{ starts }}
                and windows.to_date > parts.{{ starts }}
    ) as dated
    group by
        site_code, flow_code, energy_code, timezone, day_start, month_start_day, first_date, after_date
) as {{ period_type }}s
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endmacro %}
