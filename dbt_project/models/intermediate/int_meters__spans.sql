-- One row per window and span of time over which a quantity is known (it spreads evenly over its span), and one
-- without a quantity per finding: a reading that is quarantined, or a break, at its instant. A span that an
-- event cuts is several rows, each with the multiplier of its part.
with accepted as (
    select
        judged.*,
        lag(value) over along as from_value,
        value - lag(value) over along as step,
        lag(read_us) over along as from_us,
        lag(part_number) over along as from_part_number,
        lead(read_us) over along as next_us
    from {{ ref('int_readings__judged') }} as judged
    window along as (
        partition by window_number, site_code, verdict = 'accepted' order by part_number, read_us, point_order
    )
),

-- A step is judged by the multiplier and the counter's length before it. Parts are numbered from 0.
stepped as (
    select
        *,
        case
            when from_part_number = part_number then multiplier else cut_multipliers[from_part_number + 1]
        end as from_multiplier,
        case
            when from_part_number = part_number then register_max else cut_register_maxes[from_part_number + 1]
        end as from_register_max,
        {{ until_us() }} as until_us
    from accepted
    -- The first reading of a run has no step.
    where
        verdict <> 'accepted'
        or not is_counter
        or from_part_number = part_number
        or cut_run_numbers[from_part_number + 1] = run_number
),

-- What a meter event cuts is opened into its parts: a step across a soft cut, an interval or a rate across any.
-- (The planner works out what stands beside a generate_series once for each row; otherwise a step would be judged
-- wherever its finding is asked for.)
opened as (
    select
        *,
        case
            when verdict <> 'accepted' then verdict
            when
                is_counter
                and not {{ is_plausible_step('step', 'read_us - from_us', 'from_register_max', 'from_multiplier') }}
                then 'break'
        end as finding,
        generate_series(least(cut_count, 1), cut_count) as place
    from (
        select
            stepped.*,
            case
                when cut_starts_us is null then 0
                when is_counter and from_part_number <> part_number then cardinality(cut_starts_us)
                when not is_counter and until_us > part_ends_us then cardinality(cut_starts_us)
                else 0
            end as cut_count
        from stepped
    ) as stepped
),

bounded as (
    select
        *,
        place > 0 and finding is null as is_cut,
        case
            when finding is not null then read_us
            when is_counter then from_us
            else read_us - label_us
        end as starts_us,
        case when finding is not null then read_us else until_us end as ends_us
    from opened
    where place <= 1 or finding is null
),

pieces as (
    select
        *,
        case when is_cut then greatest(starts_us, cut_starts_us[place]) else starts_us end as piece_starts_us,
        case when is_cut then least(ends_us, cut_ends_us[place]) else ends_us end as piece_ends_us,
        case when is_cut then cut_multipliers[place] end as piece_multiplier
    from bounded
    -- A reading at the very cut leaves nothing of the span on its other side.
    where not is_cut or (starts_us < cut_ends_us[place] and ends_us > cut_starts_us[place])
)

select
    site_code,
    window_number,
    finding,
    -- Before a reading that does not count stands whichever else does not: only a break has a step.
    case when finding = 'break' then from_value end as from_value,
    value,
    -- A register read so rarely says how much, not when: its hours are estimated.
    not is_counter or {{ is_short_span('piece_ends_us - piece_starts_us') }} as is_measured,
    case
        when finding is not null then null
        when is_counter
            then case
                when piece_multiplier is null
                    then {{ register_step('step', 'from_register_max') }} * multiplier
                else
                    {{ register_step('step', 'from_register_max') }} * piece_multiplier
                    * (piece_ends_us - piece_starts_us) / (ends_us - starts_us)
            end
        when is_rate
            then
                value * coalesce(piece_multiplier, multiplier)
                * (piece_ends_us - piece_starts_us) / 3600000000
        when piece_multiplier is null then value * multiplier
        else value * piece_multiplier * (piece_ends_us - piece_starts_us) / (ends_us - starts_us)
    end as quantity,
    piece_starts_us as starts_us,
    piece_ends_us as ends_us
from pieces
