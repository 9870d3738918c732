{{ config(materialized='view') }}
-- One row per closing that stands or is being written, and energy: the coefficients of its month as they are
-- today, an array of stretches of days cut to the month. Neighbours that say the same are one stretch, so that
-- two arrays differ only where a figure may.
with closings as (
    select
        *,
        -- The last hour of the month may lie on the calendar day after its last statistical day.
        ((ends_at - interval '1 microsecond') at time zone timezone)::date + 1 as days_end
    from {{ ref('stg_ops__period_closings') }}
    where is_standing or not is_sealed
),

stretches as (
    select
        closings.site_code,
        closings.closing_id,
        coefficients.energy_code,
        jsonb_build_object(
            'kgce_per_unit', coefficients.kgce_per_unit,
            'kgce_per_unit_equal', coefficients.kgce_per_unit_equal,
            'source_equivalent', coefficients.source_equivalent,
            'source_equal', coefficients.source_equal
        ) as figures,
        greatest(coefficients.valid_from, closings.period_start) as valid_from,
        least(coefficients.valid_to, closings.days_end) as valid_to
    from closings
    inner join {{ ref('int_energies__coefficients') }} as coefficients
        on
            closings.site_code = coefficients.site_code
            and closings.days_end > coefficients.valid_from
            and closings.period_start < coefficients.valid_to
),

neighbours as (
    select
        stretches.*,
        lag(figures) over (partition by site_code, closing_id, energy_code order by valid_from) as figures_before,
        lag(valid_to) over (partition by site_code, closing_id, energy_code order by valid_from) as ended_before
    from stretches
),

numbered as (
    select
        neighbours.*,
        sum(case when figures_before = figures and ended_before = valid_from then 0 else 1 end) over (
            partition by site_code, closing_id, energy_code order by valid_from
            rows between unbounded preceding and current row
        ) as stretch_number
    from neighbours
),

merged as (
    select
        site_code,
        closing_id,
        energy_code,
        figures,
        min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from numbered
    group by site_code, closing_id, energy_code, stretch_number, figures
)

select
    site_code,
    closing_id,
    energy_code,
    jsonb_agg(
        figures || jsonb_build_object('valid_from', valid_from, 'valid_to', valid_to) order by valid_from
    ) as coefficients,
    string_agg(
        to_char(valid_from, 'MM-DD') || ' 起当量 ' || coalesce(figures ->> 'kgce_per_unit', '无')
        || '（' || coalesce(figures ->> 'source_equivalent', '无来源') || '）、等价 '
        || coalesce(figures ->> 'kgce_per_unit_equal', '无')
        || '（' || coalesce(figures ->> 'source_equal', '无来源') || '）',
        '，' order by valid_from
    ) as told
from merged
group by site_code, closing_id, energy_code
