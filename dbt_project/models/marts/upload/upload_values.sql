-- What the platforms are to hold. It is asked by site, statistic and a range of stat_date: each statistic is a branch of
-- its own, and the range reaches the series of its periods (macros/uploads.sql).
with energies as (
    {% for stat_type, name in ((0, 'realtime'), (1, 'days'), (2, 'months'), (3, 'years')) -%}
        select *, {{ stat_type }}::smallint as stat_type from {{ ref('int_uploads__' ~ name) }}
        {{ 'union all' if not loop.last }}
    {% endfor -%}
),

computed as (
    select
        items.*,
        case items.figure
            when 'unit_consumption' then items.amount / nullif(production.quantity, 0)
            -- Per ten thousand yuan, as everybody reports it.
            when 'output_value_consumption' then items.amount / nullif(production.output_value_cny, 0) * 10000
            else items.amount
        end * items.factor as value,
        least(items.coverage, production.coverage) as figure_coverage,
        -- What was put out is no part of a closed version.
        items.is_closed and items.figure not in ('unit_consumption', 'output_value_consumption') as is_figure_closed
    from energies as items
    left join {{ ref('int_uploads__production') }} as production
        on
            items.site_code = production.site_code
            and coalesce(items.product_code, '*') = production.product_code
            and items.figure in ('unit_consumption', 'output_value_consumption')
            and items.stat_type = production.stat_type
            and items.stat_date = production.stat_date
),

figures as (
    select
        {{ item_columns() }},
        items.stat_type,
        items.stat_date,
        items.value,
        items.figure_coverage as coverage,
        items.is_figure_closed as is_closed,
        items.first_date,
        items.ends_at
    from computed as items
    where items.value is not null
    union all
    select
        {{ item_columns() }},
        production.stat_type,
        production.stat_date,
        production.quantity * items.factor as value,
        production.coverage,
        false as is_closed,
        production.first_date,
        production.ends_at
    from {{ ref('int_uploads__items') }} as items
    inner join {{ ref('int_uploads__production') }} as production
        on items.site_code = production.site_code and items.product_code = production.product_code
    where
        items.source = 'production'
        and production.stat_type = any(items.stat_types)
        and production.quantity is not null
        and coalesce(production.first_date < items.retired_on, true)
)

select
    figures.site_code,
    figures.data_code,
    figures.destination,
    figures.stat_type,
    figures.stat_date,
    figures.ends_at,
    round(figures.value, 10) as value,
    {{ convert_ratio('figures') }} as convert_ratio,
    figures.input_type,
    figures.scope,
    figures.coverage,
    figures.coverage >= figures.least_coverage
    and {{ is_within_bounds('figures') }} as is_valid,
    false as is_manual,
    figures.is_closed
from figures
left join {{ ref('int_energies__coefficients') }} as coefficients
    on
        figures.site_code = coefficients.site_code
        and figures.energy_code = coefficients.energy_code
        and figures.figure = 'quantity'
        and figures.first_date >= coefficients.valid_from
        and figures.first_date < coefficients.valid_to
where
    not exists (
        select 1 from {{ ref('stg_ledger__upload_values') }} as entered
        where
            entered.site_code = figures.site_code
            and entered.data_code = figures.data_code
            and entered.stat_type = figures.stat_type
            and entered.stat_date = figures.stat_date
            and entered.destination in (figures.destination, '*')
    )
union all
select
    entered.site_code,
    entered.data_code,
    entered.destination,
    entered.stat_type,
    entered.stat_date,
    entered.ends_at,
    round(entered.value, 10) as value,
    {{ convert_ratio('items') }} as convert_ratio,
    5::smallint as input_type,
    items.scope,
    null as coverage,
    {{ is_within_bounds('items', 'entered.value') }} as is_valid,
    true as is_manual,
    false as is_closed
from {{ ref('int_uploads__manual') }} as entered
inner join {{ ref('int_uploads__items') }} as items
    on
        entered.site_code = items.site_code
        and entered.data_code = items.data_code
        and entered.item_destination = items.destination
left join {{ ref('int_energies__coefficients') }} as coefficients
    on
        entered.site_code = coefficients.site_code
        and items.energy_code = coefficients.energy_code
        and items.figure = 'quantity'
        and entered.stat_date::date >= coefficients.valid_from
        and entered.stat_date::date < coefficients.valid_to
