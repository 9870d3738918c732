-- One row per uploaded item and interval of 15, 30 or 60 minutes of which anything is known.
with periods as (
    select
        extents.site_code,
        intervals.interval_minutes::smallint as interval_minutes,
        grid.stat_date,
        grid.stat_date::date as first_date,
        grid.stat_date at time zone extents.timezone as starts_at,
        grid.stat_date at time zone extents.timezone + make_interval(mins => intervals.interval_minutes) as ends_at
    from {{ ref('int_uploads__extents') }} as extents
    cross join (values (15), (30), (60)) as intervals (interval_minutes)
    cross join lateral generate_series(
        extents.first_date::timestamp,
        extents.last_date::timestamp + interval '2 days',
        make_interval(mins => intervals.interval_minutes)
    ) as grid (stat_date)
)

select
    {{ item_columns() }},
    periods.stat_date,
    sums.amount,
    sums.coverage,
    false as is_closed,
    periods.first_date,
    periods.ends_at
from {{ ref('int_uploads__items') }} as items
inner join periods
    on items.site_code = periods.site_code and items.interval_minutes = periods.interval_minutes
cross join lateral (
    select hours.amount, hours.coverage
    from {{ term_sums_by_hours('periods.starts_at', 'periods.ends_at') }} as hours
    where items.interval_minutes = 60
    union all
    select
        sum(slots.amount) as amount,
        round(sum(slots.coverage) / (items.interval_minutes / 15), 9) as coverage
    from {{ term_sums("(
        -- A flow as its hours are summed, over its meters' slots.
        select
            slots.slot_start,
            sum(flow_terms.coefficient * slots.quantity) * case
                when items.measure = 'quantity' then 1
                when items.measure = 'tce_equal' then coefficients.kgce_per_unit_equal / 1000
                else coefficients.kgce_per_unit / 1000
            end as amount,
            sum(slots.coverage) / flows.term_count as coverage
        from " ~ ref('int_flows__definitions') ~ " as flows
        inner join " ~ ref('int_flows__terms') ~ " as flow_terms
            on flows.site_code = flow_terms.site_code and flows.flow_code = flow_terms.flow_code
        inner join " ~ ref('int_meters__slots') ~ " as slots
            on
                flow_terms.site_code = slots.site_code
                and flow_terms.meter_code = slots.meter_code
                and slots.slot_start >= periods.starts_at
                and slots.slot_start < periods.ends_at
        left join " ~ ref('int_energies__coefficients') ~ " as coefficients
            on
                flows.site_code = coefficients.site_code
                and flows.energy_code = coefficients.energy_code
                and periods.first_date >= coefficients.valid_from
                and periods.first_date < coefficients.valid_to
        where
            terms.kind = 'flow'
            and flows.site_code = terms.site_code
            and flows.flow_code = terms.code
        group by
            slots.slot_start, flows.term_count, flows.negative_count,
            coefficients.kgce_per_unit, coefficients.kgce_per_unit_equal
        having count(*) filter (where flow_terms.coefficient < 0) = flows.negative_count
        union all
        select slots.slot_start, slots.quantity as amount, slots.coverage
        from " ~ ref('int_meters__slots') ~ " as slots
        where
            terms.kind = 'meter'
            and items.measure = 'quantity'
            and slots.site_code = terms.site_code
            and slots.meter_code = terms.code
            and slots.slot_start >= periods.starts_at
            and slots.slot_start < periods.ends_at
    )", 'known.slot_start') }} as slots
    where items.interval_minutes < 60
    having count(*) > 0
) as sums
where
    items.source = 'terms'
    and items.figure in ('quantity', 'tce_equivalent', 'tce_equal')
    and {{ is_in_use(0) }}
