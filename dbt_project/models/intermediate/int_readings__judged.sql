-- One row per window, instant and reading that may count, with its verdict: accepted, or why it is quarantined
-- (contract §2, "Which readings count" and "Outlier"). A meter event's own readings are neighbours to compare
-- with and never outliers themselves.
with neighbours as (
    select
        instants.*,
        value - lag(value) over around as step_before,
        read_us - lag(read_us) over around as span_before_us,
        lead(value) over around - value as step_after,
        lead(read_us) over around - read_us as span_after_us
    from {{ ref('int_readings__instants') }} as instants
    window around as (
        partition by window_number, site_code, part_number, value is null order by read_us, point_order
    )
)

select
    neighbours.*,
    case
        when value is null then 'disputed'
        when is_counter
            then case
                when
                    point_order = 1
                    and span_before_us is not null
                    and span_after_us is not null
                    and not (
                        {{ is_plausible_step('step_before', 'span_before_us') }}
                        and {{ is_plausible_step('step_after', 'span_after_us') }}
                    )
                    and {{ is_plausible_step('(step_before + step_after)', 'span_before_us + span_after_us') }}
                    then 'outlier'
                else 'accepted'
            end
        else coalesce({{ refusal_of_quantity() }}, 'accepted')
    end as verdict
from neighbours
