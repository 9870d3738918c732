{{ config(materialized='view') }}
-- One row per standing closing and figure (a flow, an energy's net intake, an energy's change of stock) that is
-- no longer what it was when the month was closed.
with closings as (
    select * from {{ ref('stg_ops__period_closings') }}
    where is_standing
),

terms as (
    select
        site_code,
        flow_code,
        array_agg(meter_code order by meter_code) as meters
    from {{ ref('stg_ledger__flow_terms') }}
    group by site_code, flow_code
),

closed_flows as (
    select closed.*
    from {{ ref('closed_energy_monthly') }} as closed
    inner join closings on closed.site_code = closings.site_code and closed.closing_id = closings.closing_id
),

now_flows as (
    select
        closings.site_code,
        closings.closing_id,
        flows.flow_code,
        flows.energy_code,
        terms.meters,
        coalesce(figures.missing_meters, terms.meters) as missing_meters,
        figures.quantity,
        figures.tce_equivalent,
        figures.tce_equal,
        coalesce(figures.coverage, 0) as coverage,
        figures.estimated_quantity
    from closings
    inner join {{ ref('stg_ledger__flows') }} as flows on closings.site_code = flows.site_code
    inner join terms on flows.site_code = terms.site_code and flows.flow_code = terms.flow_code
    left join {{ ref('fct_energy_monthly') }} as figures
        on
            flows.site_code = figures.site_code
            and flows.flow_code = figures.flow_code
            and closings.stat_month = figures.stat_month
),

flow_pairs as (
    select
        coalesce(closed_flows.site_code, now_flows.site_code) as site_code,
        coalesce(closed_flows.closing_id, now_flows.closing_id) as closing_id,
        coalesce(closed_flows.flow_code, now_flows.flow_code) as flow_code,
        closed_flows.flow_code is not null as is_closed,
        now_flows.flow_code is not null as is_now,
        coalesce(closed_flows.energy_code, now_flows.energy_code) as energy_code,
        now_flows.energy_code as now_energy_code,
        array(
            select distinct meter.code
            from unnest(closed_flows.meters || now_flows.meters) as meter (code)
            order by meter.code
        ) as meters,
        closed_flows.coefficients as closed_coefficients,
        {% for figure in ('quantity', 'tce_equivalent', 'tce_equal', 'coverage') -%}
            closed_flows.{{ figure }} as closed_{{ figure }},
            now_flows.{{ figure }} as now_{{ figure }},
        {% endfor -%}
        {{ any_differs('closed_flows.', 'now_flows.', [
            'quantity', 'tce_equivalent', 'tce_equal', 'coverage', 'estimated_quantity', 'missing_meters',
            'energy_code',
        ]) }} as is_different
    from closed_flows
    full outer join now_flows
        on
            closed_flows.site_code = now_flows.site_code
            and closed_flows.closing_id = now_flows.closing_id
            and closed_flows.flow_code = now_flows.flow_code
),

closed_energies as (
    select closed.*
    from {{ ref('closed_performance') }} as closed
    inner join closings on closed.site_code = closings.site_code and closed.closing_id = closings.closing_id
    where closed.breakdown = 'type'
),

now_energies as (
    select
        closings.closing_id,
        figures.*
    from closings
    inner join {{ ref('performance_by_type') }} as figures
        on closings.site_code = figures.site_code and closings.period_start = figures.period_start
    where figures.period_type = 'month'
),

energy_pairs as (
    select
        coalesce(closed_energies.site_code, now_energies.site_code) as site_code,
        coalesce(closed_energies.closing_id, now_energies.closing_id) as closing_id,
        coalesce(closed_energies.energy_code, now_energies.energy_code) as energy_code,
        parts.scope,
        closed_energies.energy_code is not null as is_closed,
        now_energies.energy_code is not null as is_now,
        coalesce(closed_energies.source = 'metered', false) or coalesce(now_energies.source = 'metered', false)
        as is_metered,
        parts.closed_quantity,
        parts.now_quantity,
        parts.closed_tce_equivalent,
        parts.now_tce_equivalent,
        parts.closed_tce_equal,
        parts.now_tce_equal,
        closed_energies.coefficients as closed_coefficients,
        case when parts.scope = 'intake' then closed_energies.coverage end as closed_coverage,
        case when parts.scope = 'intake' then now_energies.coverage end as now_coverage
    from closed_energies
    full outer join now_energies
        on
            closed_energies.site_code = now_energies.site_code
            and closed_energies.closing_id = now_energies.closing_id
            and closed_energies.energy_code = now_energies.energy_code
    cross join lateral (
        values
        (
            'intake', closed_energies.quantity, now_energies.quantity, closed_energies.tce_equivalent,
            now_energies.tce_equivalent, closed_energies.tce_equal, now_energies.tce_equal
        ),
        -- What consumption has beyond the intake.
        (
            'stock',
            closed_energies.stock_draw_quantity + coalesce(closed_energies.stock_adjustment_quantity, 0),
            now_energies.stock_draw_quantity + coalesce(now_energies.stock_adjustment_quantity, 0),
            closed_energies.consumption_tce_equivalent - closed_energies.tce_equivalent,
            now_energies.consumption_tce_equivalent - now_energies.tce_equivalent,
            closed_energies.consumption_tce_equal - closed_energies.tce_equal,
            now_energies.consumption_tce_equal - now_energies.tce_equal
        )
    ) as parts (
        scope, closed_quantity, now_quantity, closed_tce_equivalent, now_tce_equivalent, closed_tce_equal,
        now_tce_equal
    )
    where
        parts.closed_quantity is distinct from parts.now_quantity
        or case parts.scope
            when 'intake'
                then {{ any_differs('parts.closed_', 'parts.now_', ['tce_equivalent', 'tce_equal']) }}
            -- Standard coal of the stock is a remainder, unknown also where only the intake is.
            else
                parts.closed_tce_equivalent <> parts.now_tce_equivalent
                or parts.closed_tce_equal <> parts.now_tce_equal
        end
),

differences as (
    select
        site_code, closing_id, 'flow' as scope, flow_code, energy_code, now_energy_code, is_closed, is_now,
        true as is_metered, meters, closed_coefficients, closed_quantity, now_quantity, closed_tce_equivalent,
        now_tce_equivalent, closed_tce_equal, now_tce_equal, closed_coverage, now_coverage
    from flow_pairs
    where is_different
    union all
    select
        energy_pairs.site_code, energy_pairs.closing_id, energy_pairs.scope, null as flow_code,
        energy_pairs.energy_code, energy_pairs.energy_code as now_energy_code, energy_pairs.is_closed,
        energy_pairs.is_now, energy_pairs.is_metered, '{}'::text[] as meters, energy_pairs.closed_coefficients,
        energy_pairs.closed_quantity, energy_pairs.now_quantity, energy_pairs.closed_tce_equivalent,
        energy_pairs.now_tce_equivalent, energy_pairs.closed_tce_equal, energy_pairs.now_tce_equal,
        energy_pairs.closed_coverage, energy_pairs.now_coverage
    from energy_pairs
)

select
    differences.*,
    -- One value that is never null names a difference within its closing.
    differences.scope || ' ' || coalesce(differences.flow_code, differences.energy_code) as subject,
    coalesce(coefficients.coefficients, '[]'::jsonb) as now_coefficients,
    coefficients.told as now_coefficients_told,
    closings.version,
    closings.timezone,
    closings.platform_version,
    closings.models_sha256,
    closings.accepted_batches,
    closings.last_change_id,
    closings.stat_month,
    closings.period_start,
    closings.period_end,
    closings.starts_at,
    closings.ends_at,
    closings.closed_at
from differences
inner join closings
    on differences.site_code = closings.site_code and differences.closing_id = closings.closing_id
left join {{ ref('int_closings__coefficients') }} as coefficients
    on
        differences.site_code = coefficients.site_code
        and differences.closing_id = coefficients.closing_id
        and differences.now_energy_code = coefficients.energy_code
