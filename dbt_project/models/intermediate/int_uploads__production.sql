-- One row per site, product ('*': all of them together), statistic and period that its documents tell of: what was
-- put out. A document tells of the periods that hold it as a whole: a month's says nothing of a day. One over exactly the
-- period is believed before the sum of shorter ones; shorter ones that overlap have no sum. A unit's documents add up
-- only where none speaks for the whole site.
with reports as (
    select
        production.site_code,
        production.product_code,
        production.org_code,
        periods.stat_type,
        periods.stat_date,
        periods.first_date,
        periods.after_date,
        (periods.after_date + clocks.day_start) at time zone clocks.timezone as ends_at,
        production.period_start,
        production.period_end,
        sum(production.quantity) as quantity,
        case when count(production.output_value_cny) = count(*) then sum(production.output_value_cny) end
        as output_value_cny
    from {{ ref('stg_raw__production') }} as production
    inner join {{ ref('int_sites__clocks') }} as clocks on production.site_code = clocks.site_code
    cross join lateral (
        values
        (1::smallint, production.period_start::timestamp, production.period_start, production.period_start + 1),
        {% for stat_type, unit in ((2, 'month'), (3, 'year')) -%}
            (
                {{ stat_type }}::smallint,
                date_trunc(
                    '{{ unit }}', {{ stat_month('production.period_start', 'clocks.month_start_day') }}
                )::timestamp,
                {{ first_date_of(unit, 'production.period_start', 'clocks.month_start_day') }},
                {{ after_date_of(unit, 'production.period_start', 'clocks.month_start_day') }}
            ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as periods (stat_type, stat_date, first_date, after_date)
    where production.period_end <= periods.after_date
    group by
        production.site_code, production.product_code, production.org_code, periods.stat_type, periods.stat_date,
        periods.first_date, periods.after_date, clocks.day_start, clocks.timezone, production.period_start,
        production.period_end
),

reporters as (
    select
        site_code,
        product_code,
        org_code,
        stat_type,
        stat_date,
        first_date,
        after_date,
        ends_at,
        bool_or(period_start = first_date and period_end = after_date) as is_whole,
        {% for figure in ('quantity', 'output_value_cny') -%}
            sum({{ figure }}) filter (where period_start = first_date and period_end = after_date) as whole_{{ figure }},
            case when count({{ figure }}) = count(*) then sum({{ figure }}) end as {{ figure }},
        {% endfor -%}
        sum(period_end - period_start) as reported_days,
        range_agg(daterange(period_start, period_end)) as days
    from reports
    group by site_code, product_code, org_code, stat_type, stat_date, first_date, after_date, ends_at
),

judged as (
    select
        reporters.site_code,
        reporters.product_code,
        reporters.stat_type,
        reporters.stat_date,
        reporters.first_date,
        reporters.ends_at,
        reporters.org_code is null as is_of_site,
        covered.day_count::numeric / (reporters.after_date - reporters.first_date) as coverage,
        {% for figure in ('quantity', 'output_value_cny') -%}
            case
                when reporters.is_whole then reporters.whole_{{ figure }}
                when reporters.reported_days = covered.day_count then reporters.{{ figure }}
            end as {{ figure }}{{ ',' if not loop.last }}
        {% endfor -%}
    from reporters
    cross join lateral (
        select sum(upper(spans.days) - lower(spans.days)) as day_count
        from unnest(reporters.days) as spans (days)
    ) as covered
),

products as (
    select
        site_code,
        product_code,
        stat_type,
        stat_date,
        first_date,
        ends_at,
        {% for figure in ('quantity', 'output_value_cny') -%}
            case
                when bool_or(is_of_site) then max({{ figure }}) filter (where is_of_site)
                when count({{ figure }}) = count(*) then sum({{ figure }})
            end as {{ figure }},
        {% endfor -%}
        case when bool_or(is_of_site) then max(coverage) filter (where is_of_site) else min(coverage) end as coverage
    from judged
    group by site_code, product_code, stat_type, stat_date, first_date, ends_at
)

select
    site_code,
    product_code,
    stat_type,
    stat_date,
    quantity,
    output_value_cny,
    round(coverage, 9) as coverage,
    first_date,
    ends_at
from products
union all
select
    site_code,
    '*' as product_code,
    stat_type,
    stat_date,
    null as quantity,
    case when count(output_value_cny) = count(*) then sum(output_value_cny) end as output_value_cny,
    round(min(coverage), 9) as coverage,
    first_date,
    ends_at
from products
group by site_code, stat_type, stat_date, first_date, ends_at
