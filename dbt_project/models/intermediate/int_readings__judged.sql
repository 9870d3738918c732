-- One row per window, instant and reading that may count, with its verdict: accepted, or why it is quarantined
-- (contract §2, "Which readings count" and "Outlier"). A meter event's own readings are neighbours to compare
-- with and never outliers themselves.
with neighbours as (
    select
        instants.*,
        lag(value) over around as value_before,
        lag(read_us) over around as us_before,
        lead(value) over around as value_after,
        lead(read_us) over around as us_after
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
                    and us_before is not null
                    and us_after is not null
                    and not (
                        {{ is_plausible_step('value_before', 'value', 'read_us - us_before') }}
                        and {{ is_plausible_step('value', 'value_after', 'us_after - read_us') }}
                    )
                    and {{ is_plausible_step('value_before', 'value_after', 'us_after - us_before') }}
                    then 'outlier'
                else 'accepted'
            end
        when value < 0 then 'negative'
        when is_rate and value * multiplier > max_per_hour then 'above_max_per_hour'
        when not is_rate and value * multiplier * 3600000000 > max_per_hour * interval_us then 'above_max_per_hour'
        else 'accepted'
    end as verdict
from neighbours
