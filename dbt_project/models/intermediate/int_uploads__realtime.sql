-- One row per uploaded item and interval of 15, 30 or 60 minutes of which anything is known.
--
-- A day of them is some ten thousand rows, so they are joined and grouped as a whole; the lateral subquery, which is kept
-- from being taken apart, has each meter's quarters found by their index. They are grouped by what differs first: rows of
-- one item have twenty columns alike, which a sort would compare before it comes to the time.
with periods as not materialized (
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
),

-- The meters of the items' terms: a flow's as its hours are summed, or one that is a term itself.
meters as (
    select
        terms.site_code,
        terms.data_code,
        terms.destination,
        terms.kind,
        terms.code,
        terms.coefficient as term_coefficient,
        flow_terms.meter_code,
        flow_terms.coefficient,
        flows.term_count,
        flows.negative_count,
        flows.energy_code
    from {{ ref('int_uploads__terms') }} as terms
    inner join {{ ref('int_flows__definitions') }} as flows
        on terms.site_code = flows.site_code and terms.code = flows.flow_code
    inner join {{ ref('int_flows__terms') }} as flow_terms
        on flows.site_code = flow_terms.site_code and flows.flow_code = flow_terms.flow_code
    where terms.kind = 'flow'
    union all
    select
        site_code,
        data_code,
        destination,
        kind,
        code,
        coefficient as term_coefficient,
        code as meter_code,
        1 as coefficient,
        1 as term_count,
        0 as negative_count,
        null as energy_code
    from {{ ref('int_uploads__terms') }}
    where kind = 'meter'
),

quarters_of_terms as (
    select
        {{ item_columns() }},
        items.measure,
        items.term_count,
        items.negative_count,
        meters.kind,
        meters.code,
        meters.term_coefficient,
        meters.energy_code as term_energy_code,
        periods.interval_minutes,
        periods.stat_date,
        periods.first_date,
        periods.ends_at,
        slots.slot_start,
        sum(meters.coefficient * slots.quantity) as quantity,
        sum(slots.coverage) / meters.term_count as coverage
    from {{ ref('int_uploads__items') }} as items
    inner join meters
        on
            items.site_code = meters.site_code
            and items.data_code = meters.data_code
            and items.destination = meters.destination
            and (meters.kind = 'flow' or items.measure = 'quantity')
    inner join periods
        on items.site_code = periods.site_code and items.interval_minutes = periods.interval_minutes
    cross join lateral (
        select known.slot_start, known.quantity, known.coverage
        from {{ ref('int_meters__slots') }} as known
        where
            known.site_code = meters.site_code
            and known.meter_code = meters.meter_code
            and known.slot_start >= periods.starts_at
            and known.slot_start < periods.ends_at
        order by known.slot_start
        offset 0
    ) as slots
    where
        items.is_by_slots
        and items.source = 'terms'
        and items.figure in ('quantity', 'tce_equivalent', 'tce_equal')
        and {{ is_in_use(0) }}
    group by
        slots.slot_start, meters.code, periods.stat_date, periods.interval_minutes, periods.first_date, periods.ends_at,
        {{ item_columns() }},
        items.measure, items.term_count, items.negative_count,
        meters.kind, meters.term_coefficient, meters.term_count, meters.negative_count, meters.energy_code
    having count(*) filter (where meters.coefficient < 0) = meters.negative_count
),

quarters as (
    select
        {{ item_columns() }},
        items.interval_minutes,
        items.stat_date,
        items.first_date,
        items.ends_at,
        items.slot_start,
        case
            when count(measured.amount) = count(*) then sum(items.term_coefficient * measured.amount)
        end as amount,
        sum(items.coverage) / items.term_count as coverage
    from quarters_of_terms as items
    cross join lateral (
        select
            case
                when items.measure = 'quantity' or items.quantity = 0 then items.quantity
                else (
                    select
                        case
                            when items.measure = 'tce_equal'
                                then {{ tce('items.quantity', 'coefficients.kgce_per_unit_equal') }}
                            else {{ tce('items.quantity', 'coefficients.kgce_per_unit') }}
                        end
                    from {{ ref('int_energies__coefficients') }} as coefficients
                    where
                        coefficients.site_code = items.site_code
                        and coefficients.energy_code = items.term_energy_code
                        and items.first_date >= coefficients.valid_from
                        and items.first_date < coefficients.valid_to
                )
            end as amount
    ) as measured
    group by
        items.slot_start, items.stat_date, items.interval_minutes, items.first_date, items.ends_at,
        {{ item_columns() }},
        items.term_count, items.negative_count
    having count(*) filter (where items.term_coefficient < 0) = items.negative_count
)

select
    {{ item_columns() }},
    items.stat_date,
    sum(items.amount) as amount,
    round(sum(items.coverage) / (items.interval_minutes / 15), 9) as coverage,
    false as is_closed,
    items.first_date,
    items.ends_at
from quarters as items
group by items.stat_date, items.interval_minutes, items.first_date, items.ends_at, {{ item_columns() }}
having count(items.amount) = count(*)
union all
select
    {{ item_columns() }},
    periods.stat_date,
    hours.amount,
    hours.coverage,
    false as is_closed,
    periods.first_date,
    periods.ends_at
from {{ ref('int_uploads__items') }} as items
inner join periods
    on items.site_code = periods.site_code and items.interval_minutes = periods.interval_minutes
cross join lateral {{ term_sums_by_hours('periods.starts_at', 'periods.ends_at') }} as hours
where
    not items.is_by_slots
    and items.source = 'terms'
    and items.figure in ('quantity', 'tce_equivalent', 'tce_equal')
    and {{ is_in_use(0) }}
