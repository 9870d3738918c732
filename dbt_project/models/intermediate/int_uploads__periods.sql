-- One row per site and statistical day, month and year of its history: as the platform names it, and its bounds by
-- the site's own clock.
with periods as (
    select
        extents.*,
        1::smallint as stat_type,
        days.stat_date,
        days.stat_date::date as starts_on,
        days.stat_date::date + 1 as ends_on
    from {{ ref('int_uploads__extents') }} as extents
    cross join lateral generate_series(
        extents.first_date::timestamp, extents.last_date::timestamp, interval '1 day'
    ) as days (stat_date)
    {% for stat_type, unit in ((2, 'month'), (3, 'year')) -%}
        union all
        select
            extents.*,
            {{ stat_type }}::smallint as stat_type,
            {{ unit }}s.stat_date,
            {{ month_first_date(unit ~ 's.stat_date', 'extents.month_start_day') }} as starts_on,
            {{ month_first_date('(' ~ unit ~ "s.stat_date + interval '1 " ~ unit ~ "')", 'extents.month_start_day') }} as ends_on
        from {{ ref('int_uploads__extents') }} as extents
        cross join lateral generate_series(
            date_trunc('{{ unit }}', {{ stat_month('extents.first_date', 'extents.month_start_day') }})::timestamp,
            {{ stat_month('extents.last_date', 'extents.month_start_day') }}::timestamp,
            interval '1 {{ unit }}'
        ) as {{ unit }}s (stat_date)
    {% endfor -%}
)

select
    site_code,
    stat_type,
    stat_date,
    starts_on as first_date,
    ends_on as after_date,
    (starts_on + day_start) at time zone timezone as starts_at,
    (ends_on + day_start) at time zone timezone as ends_at,
    {{ hours_between('starts_on', 'ends_on') }} as period_hours
from periods
