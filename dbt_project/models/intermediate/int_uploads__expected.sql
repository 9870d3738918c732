-- One row per platform, item, statistic and day that begins a period which has ended since the platform is there: how
-- many values it should hold.
select
    wanted.site_code,
    wanted.destination,
    wanted.data_code,
    periods.stat_type,
    periods.stat_date,
    case when periods.stat_type = 0 then 1440 / wanted.interval_minutes else 1 end as expected_count
from {{ ref('int_uploads__destinations') }} as wanted
inner join {{ ref('int_sites__clocks_now') }} as clocks on wanted.site_code = clocks.site_code
inner join {{ ref('int_sites__today') }} as today on wanted.site_code = today.site_code
cross join lateral (
    select stat_types.stat_type, days.day::date as stat_date, days.day::date + 1 as after_date
    from generate_series(wanted.expected_from::timestamp, today.today - interval '1 day', interval '1 day') as days (day)
    cross join (values (0::smallint), (1::smallint)) as stat_types (stat_type)
    {% for stat_type, unit in ((2, 'month'), (3, 'year')) -%}
        union all
        select
            {{ stat_type }}::smallint as stat_type,
            {{ unit }}s.day::date as stat_date,
            {{ month_first_date('(' ~ unit ~ "s.day + interval '1 " ~ unit ~ "')", 'clocks.month_start_day') }} as after_date
        from generate_series(
            date_trunc('{{ unit }}', {{ stat_month('wanted.expected_from', 'clocks.month_start_day') }})::timestamp,
            date_trunc('{{ unit }}', today.today + interval '1 month'),
            interval '1 {{ unit }}'
        ) as {{ unit }}s (day)
    {% endfor -%}
) as periods
where
    periods.stat_type = any(wanted.stat_types)
    and (periods.after_date + clocks.day_start) at time zone clocks.timezone <= today.now_at
    and (periods.after_date + clocks.day_start) at time zone clocks.timezone > wanted.created_at
    and coalesce(periods.stat_date < wanted.retired_on, true)
