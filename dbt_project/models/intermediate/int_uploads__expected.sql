-- One row per platform, item, statistic and day that begins a period which has ended, from the first day that the platform
-- is answered for: how many values it should hold. The month and the year that hold that day belong to it, as they are
-- named on the wire.
select
    wanted.site_code,
    wanted.destination,
    wanted.data_code,
    periods.stat_type,
    periods.stat_date,
    case when periods.stat_type = 0 then 1440 / wanted.interval_minutes else 1 end as expected_count
from {{ ref('int_uploads__destinations') }} as wanted
cross join lateral (
    select stat_types.stat_type, days.day::date as stat_date, days.day::date + 1 as after_date
    from generate_series(wanted.begins_on::timestamp, wanted.today - interval '1 day', interval '1 day') as days (day)
    cross join (values (0::smallint), (1::smallint)) as stat_types (stat_type)
    {% for stat_type, unit in ((2, 'month'), (3, 'year')) -%}
        union all
        select
            {{ stat_type }}::smallint as stat_type,
            {{ unit }}s.day::date as stat_date,
            {{ month_first_date('(' ~ unit ~ "s.day + interval '1 " ~ unit ~ "')", 'wanted.month_start_day') }} as after_date
        from generate_series(
            date_trunc('{{ unit }}', wanted.begins_on::timestamp),
            date_trunc('{{ unit }}', wanted.today + interval '1 month'),
            interval '1 {{ unit }}'
        ) as {{ unit }}s (day)
    {% endfor -%}
) as periods
where
    periods.stat_type = any(wanted.stat_types)
    and (periods.after_date + wanted.day_start) at time zone wanted.timezone <= wanted.now_at
    and coalesce(periods.stat_date < wanted.retired_on, true)
