{#- The sums of the flows' figures over some of their columns, per period (contract §3, by level and by
    item). Coverage is the mean over the group's metered flows, 0 for one without a figure. `keys` are
    columns of the flows. -#}
{% macro grouped_flows(keys) -%}
{%- set columns = ['site_code', 'energy_code'] + keys -%}
with flows as (
    select
        {{ columns | join(', ') }},
        flow_code,
        -- One number is compared faster than many columns, and null is a value like another.
        dense_rank() over (order by {{ columns | join(', ') }}) as group_number
    from {{ ref('stg_ledger__flows') }} as flows
    where exists (
        select 1 from {{ ref('stg_ledger__flow_terms') }} as terms
        where terms.site_code = flows.site_code and terms.flow_code = flows.flow_code
    )
),

groups as (
    select
        {{ columns | join(', ') }},
        group_number,
        count(*) as flow_count
    from flows
    group by {{ columns | join(', ') }}, group_number
),

figures as (
    select
        periods.site_code,
        flows.group_number,
        periods.period_type,
        periods.shift_code,
        {{ energy_sums() }},
        {{ energy_sum_reasons() }},
        sum(case when periods.quantity is not null then periods.coverage else 0 end) as coverage_sum,
        periods.period_start,
        periods.period_start_at
    from {{ ref('int_flows__periods') }} as periods
    inner join flows on periods.site_code = flows.site_code and periods.flow_code = flows.flow_code
    group by
        periods.site_code, flows.group_number, periods.period_type, periods.shift_code,
        periods.period_start, periods.period_start_at
),

grouped as (
    select
        figures.*,
        groups.energy_code,
        {%- for key in keys %}
        groups.{{ key }},
        {%- endfor %}
        round(figures.coverage_sum / groups.flow_count, 9) as coverage
    from figures
    inner join groups on figures.site_code = groups.site_code and figures.group_number = groups.group_number
)
{%- endmacro %}
