{{ config(
    materialized='fact',
    tags='energies',
    indexes=[{'columns': ['site_code', 'energy_code', 'period_type']}],
    pre_hook=[
        "update ops.dirty_energies set is_taken = true where not is_taken",
        "delete from {{ this }}",
    ],
    post_hook="analyze {{ this }}",
) }}
-- depends_on: {{ ref('int_flows__quarters_years') }}
-- depends_on: {{ ref('int_energies__coefficients') }}
-- One row per energy, period type and stretch of periods whose performance this build computes anew:
-- period_start from starts_local (included) to ends_local (not), on the site's own clock.
with stretches as (
    {{ islands(
        '(
            select site_code, energy_code, starts_on, ends_on
            from ' ~ ref('stg_ops__dirty_energies') ~ '
            where is_taken
        ) as marks',
        ['site_code', 'energy_code'], starts='starts_on', ends='ends_on'
    ) }}
),

-- A month is known by whatever is known of any of its days, and says then what is lacking of each stock.
stocks as (
    select distinct
        stretches.site_code,
        stocked.energy_code,
        stretches.starts_on,
        stretches.ends_on
    from stretches
    inner join {{ ref('int_energies__stocked') }} as stocked on stretches.site_code = stocked.site_code
),

energies as (
    select *, false as is_stock_only from stretches
    union all
    select *, true as is_stock_only from stocks
),

dated as (
    select
        energies.*,
        clocks.timezone,
        clocks.day_start,
        clocks.month_start_day
    from energies
    inner join {{ ref('int_sites__clocks') }} as clocks on energies.site_code = clocks.site_code
),

periods as (
    select
        dated.*,
        periods.period_type,
        periods.starts_local,
        periods.ends_local
    from dated
    cross join lateral (
        values
        ('hour', dated.starts_on + dated.day_start, dated.ends_on + dated.day_start),
        -- Shifts that hold an hour of the days began at most a day before.
        ('shift', dated.starts_on + dated.day_start - interval '24 hours', dated.ends_on + dated.day_start),
        ('day', dated.starts_on::timestamp, dated.ends_on::timestamp),
        {% for period_type in ('week', 'month', 'quarter', 'year') -%}
            (
                '{{ period_type }}',
                ({{ first_date_of(period_type, 'dated.starts_on', 'dated.month_start_day') }})::timestamp,
                dated.ends_on::timestamp
            ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as periods (period_type, starts_local, ends_local)
    where not dated.is_stock_only or periods.period_type in ('month', 'quarter', 'year')
),

-- Two stretches may touch one month.
joined as (
    {{ islands(
        'periods', ['site_code', 'energy_code', 'timezone', 'day_start', 'month_start_day', 'period_type'],
        starts='starts_local', ends='ends_local'
    ) }}
)

select
    site_code,
    energy_code,
    timezone,
    day_start,
    month_start_day,
    period_type,
    starts_local,
    ends_local,
    starts_local at time zone timezone as starts_at,
    ends_local at time zone timezone as ends_at
from joined
