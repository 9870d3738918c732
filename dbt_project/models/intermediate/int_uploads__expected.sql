-- One row per platform, item, statistic and day that begins a period which has ended since the platform is there: how
-- many values it should hold.
with periods as (
    select
        wanted.site_code,
        wanted.destination,
        wanted.data_code,
        wanted.interval_minutes,
        wanted.retired_on,
        wanted.created_at,
        clocks.timezone,
        clocks.day_start,
        today.now_at,
        kinds.stat_type,
        series.day::date as stat_date,
        case kinds.stat_type
            {% for stat_type, unit in ((2, 'month'), (3, 'year')) -%}
                when {{ stat_type }} then
                    {{ month_first_date("(series.day + interval '1 " ~ unit ~ "')", 'clocks.month_start_day') }}
            {% endfor -%}
            else series.day::date + 1
        end as after_date
    from {{ ref('int_uploads__destinations') }} as wanted
    inner join {{ ref('int_sites__clocks_now') }} as clocks on wanted.site_code = clocks.site_code
    inner join {{ ref('int_sites__today') }} as today on wanted.site_code = today.site_code
    cross join lateral unnest(wanted.stat_types) as kinds (stat_type)
    cross join lateral generate_series(
        case kinds.stat_type
            {% for stat_type, unit in ((2, 'month'), (3, 'year')) -%}
                when {{ stat_type }} then
                    date_trunc(
                        '{{ unit }}', {{ stat_month('wanted.expected_from', 'clocks.month_start_day') }}
                    )::timestamp
            {% endfor -%}
            else wanted.expected_from::timestamp
        end,
        today.today + interval '1 month',
        case kinds.stat_type when 2 then interval '1 month' when 3 then interval '1 year' else interval '1 day' end
    ) as series (day)
)

select
    site_code,
    destination,
    data_code,
    stat_type,
    stat_date,
    case when stat_type = 0 then 1440 / interval_minutes else 1 end as expected_count
from periods
where
    (after_date + day_start) at time zone timezone <= now_at
    and (after_date + day_start) at time zone timezone > created_at
    and coalesce(stat_date < retired_on, true)
