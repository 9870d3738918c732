{#- What is uploaded is asked for by site, statistic and a range of stat_date: a few days of years. So each statistic is a
    series of periods, which the range cuts down first, and each period looks its terms up by the facts' indexes. -#}

{#- What a figure carries of its item: to join it again later, the planner would work all of them out once per item. -#}
{% macro item_columns() -%}
    items.site_code,
    items.data_code,
    items.destination,
    items.figure,
    items.product_code,
    items.energy_code,
    items.input_type,
    items.scope,
    items.factor,
    items.least_coverage,
    items.value_min,
    items.value_max
{%- endmacro %}

{#- The measure of an item in a row of a flow; standard coal of nothing is nothing, whatever the coefficient. -#}
{% macro measured(row) -%}
    case
        when items.measure = 'quantity' then {{ row }}.quantity
        when items.measure = 'tce_equal' then coalesce({{ row }}.tce_equal, case when {{ row }}.quantity = 0 then 0 end)
        else coalesce({{ row }}.tce_equivalent, case when {{ row }}.quantity = 0 then 0 end)
    end
{%- endmacro %}

{#- Terms into sums, one row per period (or finer, by `group_by`): as flows are summed over meters (contract §2). One
    that is silent leaves the others' sum with less coverage; a silent one with a negative coefficient leaves nothing.
    A known one without standard coal leaves no figure of the whole period. -#}
{% macro term_sums(known, group_by=none) -%}
    (
        select
            {% if group_by %}{{ group_by }},{% endif %}
            {% if group_by -%}
                case when count(known.amount) = count(*) then sum(terms.coefficient * known.amount) end as amount,
            {% else -%}
                sum(terms.coefficient * known.amount) as amount,
            {% endif -%}
            round(sum(known.coverage) / items.term_count, 9) as coverage
        from {{ ref('int_uploads__terms') }} as terms
        cross join lateral {{ known }} as known
        where
            terms.site_code = items.site_code
            and terms.data_code = items.data_code
            and terms.destination = items.destination
        group by terms.site_code{% if group_by %}, {{ group_by }}{% endif %}
        having
            count(*) filter (where terms.coefficient < 0) = items.negative_count
            {%- if not group_by %} and count(known.amount) = count(*){% endif %}
    )
{%- endmacro %}

{#- The same by the hour, summed over a period: right also where a term of a difference was silent for a part of it. -#}
{% macro term_sums_by_hours(starts_at, ends_at) -%}
    (
        select
            sum(hours.amount) as amount,
            round(
                least(sum(hours.coverage) / (extract(epoch from {{ ends_at }} - {{ starts_at }}) / 3600), 1), 9
            ) as coverage
        from {{ term_sums(hours_of_terms(starts_at, ends_at), 'known.hour_start') }} as hours
        having count(*) > 0 and count(hours.amount) = count(*)
    )
{%- endmacro %}

{% macro hours_of_terms(starts_at, ends_at) -%}
    (
        select flow_hours.hour_start, {{ measured('flow_hours') }} as amount, flow_hours.coverage
        from {{ ref('fct_energy_hourly') }} as flow_hours
        where
            terms.kind = 'flow'
            and flow_hours.site_code = terms.site_code
            and flow_hours.flow_code = terms.code
            and flow_hours.hour_start >= {{ starts_at }}
            and flow_hours.hour_start < {{ ends_at }}
            and flow_hours.quantity is not null
        union all
        select meter_hours.hour_start, meter_hours.quantity as amount, meter_hours.coverage
        from {{ ref('int_meters__hours') }} as meter_hours
        where
            terms.kind = 'meter'
            and items.measure = 'quantity'
            and meter_hours.site_code = terms.site_code
            and meter_hours.meter_code = terms.code
            and meter_hours.hour_start >= {{ starts_at }}
            and meter_hours.hour_start < {{ ends_at }}
            and meter_hours.quantity is not null
    )
{%- endmacro %}

{#- A meter's hours over a whole period, as one row of a term. -#}
{% macro meter_over_period() -%}
    select
        sum(hours.quantity) as amount,
        round(least(sum(hours.coverage) / periods.period_hours, 1), 9) as coverage
    from {{ ref('int_meters__hours') }} as hours
    where
        terms.kind = 'meter'
        and items.measure = 'quantity'
        and hours.site_code = terms.site_code
        and hours.meter_code = terms.code
        and hours.hour_start >= periods.starts_at
        and hours.hour_start < periods.ends_at
        and hours.quantity is not null
    having count(*) > 0
{%- endmacro %}

{#- An item is uploaded for the periods that begin before the day it is retired on. -#}
{% macro is_in_use(stat_type) -%}
    {{ stat_type }} = any(items.stat_types)
    and coalesce(periods.first_date < items.retired_on, true)
{%- endmacro %}

{% macro is_within_bounds(item, value=none) -%}
    coalesce({{ value or item ~ '.value' }} >= {{ item }}.value_min, true)
    and coalesce({{ value or item ~ '.value' }} <= {{ item }}.value_max, true)
{%- endmacro %}

{#- Tonnes of standard coal per unit of the value, where it is a quantity of one energy. -#}
{% macro convert_ratio(item) -%}
    case
        when {{ item }}.figure in ('tce_equivalent', 'tce_equal', 'comprehensive_energy') then 1
        when {{ item }}.figure = 'quantity' then round(coefficients.kgce_per_unit / 1000 / {{ item }}.factor, 10)
    end
{%- endmacro %}

{#- The energy of `items` in a month of `periods`. A closed month stands on the version it was closed with (decision
    0010); meters are no part of one, so an item that counts on a meter itself is live to that part. -#}
{% macro month_sums() -%}
    (
        select known.amount, known.coverage, not items.has_meters as is_closed
        from {{ ref('stg_ops__period_closings') }} as closings
        cross join lateral {{ term_sums("(
            select " ~ measured('closed') ~ " as amount, closed.coverage
            from " ~ ref('closed_energy_monthly') ~ " as closed
            where
                terms.kind = 'flow'
                and closed.site_code = terms.site_code
                and closed.flow_code = terms.code
                and closed.stat_month = closings.stat_month
                and closed.closing_id = closings.closing_id
                and closed.quantity is not null
            union all
            " ~ meter_over_period() ~ "
        )") }} as known
        where items.source = 'terms' and {{ is_closing_of_period() }}
        union all
        select known.amount, known.coverage, false as is_closed
        from {{ term_sums("(
            select " ~ measured('months') ~ " as amount, months.coverage
            from " ~ ref('int_flows__weeks_months') ~ " as months
            where
                terms.kind = 'flow'
                and months.site_code = terms.site_code
                and months.flow_code = terms.code
                and months.period_type = 'month'
                and months.first_date = periods.first_date
                and months.quantity is not null
            union all
            " ~ meter_over_period() ~ "
        )") }} as known
        where items.source = 'terms' and items.negative_count = 0 and {{ is_live_period() }}
        union all
        select known.amount, known.coverage, false as is_closed
        from {{ term_sums_by_hours('periods.starts_at', 'periods.ends_at') }} as known
        where items.source = 'terms' and items.negative_count > 0 and {{ is_live_period() }}
        union all
        select totals.tce_equivalent as amount, covered.coverage, totals.is_closed
        from (
            select live.tce_equivalent, false as is_closed
            from {{ ref('comprehensive_energy') }} as live
            where
                live.site_code = items.site_code
                and live.period_type = 'month'
                and live.period_start = periods.first_date::timestamp
                and {{ is_live_period() }}
            union all
            select closed.tce_equivalent, true as is_closed
            from {{ ref('stg_ops__period_closings') }} as closings
            inner join {{ ref('closed_comprehensive_energy') }} as closed
                on
                    closings.site_code = closed.site_code
                    and closings.stat_month = closed.stat_month
                    and closings.closing_id = closed.closing_id
            where {{ is_closing_of_period() }}
        ) as totals
        cross join lateral (
            select coalesce(min(coalesce(intake.coverage, 1)), 1) as coverage
            from {{ ref('int_energies__intake') }} as intake
            where
                intake.site_code = items.site_code
                and intake.period_type = 'month'
                and intake.period_start = periods.first_date::timestamp
        ) as covered
        where items.source = 'site' and totals.tce_equivalent is not null
    )
{%- endmacro %}

{% macro is_closing_of_period() -%}
    closings.site_code = items.site_code and closings.stat_month = periods.stat_date::date and closings.is_standing
{%- endmacro %}

{% macro is_live_period() -%}
    not exists (
        select 1 from {{ ref('stg_ops__period_closings') }} as closings
        where {{ is_closing_of_period() }}
    )
{%- endmacro %}

{#- One row per site and month in which one of its platforms is answered for, from the one that holds its first day until
    today. Not from the outbox: that would be read through, millions of rows, only to learn its months. -#}
{% macro months_of_platforms() -%}
    select distinct platforms.site_code, months.month::date as stat_month
    from {{ ref('int_uploads__platforms') }} as platforms
    cross join lateral generate_series(
        date_trunc('month', platforms.begins_on::timestamp), platforms.today::timestamp, interval '1 month'
    ) as months (month)
{%- endmacro %}
