-- One row per window and span of time over which a quantity is known (it spreads evenly over its span), and one
-- without a quantity per finding: a reading that is quarantined, or a break, at its instant. A span that an
-- event cuts is several rows, each with the multiplier of its part.
with accepted as (
    select
        judged.*,
        lag(value) over along as from_value,
        lag(read_us) over along as from_us,
        lag(part_number) over along as from_part_number,
        lag(run_number) over along as from_run_number,
        lag(multiplier) over along as from_multiplier,
        lag(register_max) over along as from_register_max
    from {{ ref('int_readings__judged') }} as judged
    window along as (
        partition by window_number, site_code, verdict = 'accepted' order by part_number, read_us, point_order
    )
),

-- With a window of its own, so that a step is judged once and not wherever the finding is asked for.
stepped as (
    select
        accepted.*,
        lead(read_us) over along as next_us,
        -- A step is judged by the multiplier and the counter's length before it.
        case
            when verdict <> 'accepted' then verdict
            when
                is_counter
                and not {{ is_plausible_step(
                    'from_value', 'value', 'read_us - from_us', 'from_register_max', 'from_multiplier'
                ) }}
                then 'break'
        end as finding
    from accepted
    -- The first reading of a run has no step.
    where verdict <> 'accepted' or not is_counter or from_run_number = run_number
    window along as (
        partition by window_number, site_code, verdict = 'accepted' order by part_number, read_us, point_order
    )
),

-- A rate holds until the next reading if that comes within three intervals, else for one interval.
bounded as (
    select
        stepped.*,
        case
            when finding is not null then read_us
            when is_counter then from_us
            else read_us - label_us
        end as starts_us,
        case
            when finding is not null or is_counter then read_us
            when is_rate and next_us - read_us <= 3 * interval_us then next_us
            else read_us - label_us + interval_us
        end as ends_us
    from stepped
),

-- What a meter event cuts: a step across a soft cut, an interval or a rate across any.
pieces as (
    select
        bounded.*,
        parts.multiplier as piece_multiplier,
        greatest(bounded.starts_us, parts.starts_us) as piece_starts_us,
        least(bounded.ends_us, parts.ends_us) as piece_ends_us
    from bounded
    left join (
        select
            windows.site_code,
            windows.window_number,
            parts.part_number,
            parts.multiplier,
            parts.starts_us,
            parts.ends_us
        from {{ ref('int_meters__windows') }} as windows
        inner join {{ ref('int_meters__parts') }} as parts
            on windows.site_code = parts.site_code and windows.meter_code = parts.meter_code
        where
            windows.worker = {{ worker() }}
            and not (parts.starts_us = {{ var('first_us') }} and parts.ends_us = {{ var('last_us') }})
    ) as parts
        on
            bounded.site_code = parts.site_code
            and bounded.window_number = parts.window_number
            and bounded.finding is null
            and case
                when bounded.is_counter then bounded.from_part_number <> bounded.part_number
                else bounded.ends_us > bounded.part_ends_us
            end
            -- A reading at the very cut leaves nothing of the span on its other side.
            and bounded.starts_us < parts.ends_us
            and bounded.ends_us > parts.starts_us
)

select
    site_code,
    window_number,
    finding,
    -- Before a reading that does not count stands whichever else does not: only a break has a step.
    case when finding = 'break' then from_value end as from_value,
    value,
    -- A register read so rarely says how much, not when: its hours are estimated.
    not is_counter
    or coalesce(piece_ends_us, ends_us) - coalesce(piece_starts_us, starts_us) <= 3 * interval_us as is_measured,
    case
        when finding is not null then null
        when is_counter
            then case
                when piece_multiplier is null
                    then {{ register_step('from_value', 'value', 'from_register_max') }} * multiplier
                else
                    {{ register_step('from_value', 'value', 'from_register_max') }} * piece_multiplier
                    * (piece_ends_us - piece_starts_us) / (ends_us - starts_us)
            end
        when is_rate
            then
                value * coalesce(piece_multiplier, multiplier)
                * (coalesce(piece_ends_us, ends_us) - coalesce(piece_starts_us, starts_us)) / 3600000000
        when piece_multiplier is null then value * multiplier
        else value * piece_multiplier * (piece_ends_us - piece_starts_us) / (ends_us - starts_us)
    end as quantity,
    coalesce(piece_starts_us, starts_us) as starts_us,
    coalesce(piece_ends_us, ends_us) as ends_us
from pieces
