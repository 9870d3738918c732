{{ config(materialized='view') }}
-- What a report or an upload asks first: on which version does this month stand? A month that is not closed
-- stands on none, and its figures may still move. Its bounds are the calendar's, once closed those it was closed with.
with calendar as (
    select distinct
        calendar.site_code,
        calendar.stat_month,
        sites.timezone,
        calendar.first_date as period_start,
        calendar.after_date as period_end,
        calendar.starts_at,
        (calendar.after_date + sites.day_start) at time zone sites.timezone as ends_at
    from {{ ref('int_sites__calendar') }} as calendar
    inner join {{ ref('stg_ledger__sites') }} as sites on calendar.site_code = sites.site_code
    where calendar.period_type = 'month'
),

last_closings as (
    select distinct on (site_code, stat_month) *
    from {{ ref('stg_ops__period_closings') }}
    where is_sealed
    order by site_code asc, stat_month asc, version desc
)

select
    coalesce(calendar.site_code, last_closings.site_code) as site_code,
    case
        when last_closings.closing_id is null then 'open'
        when last_closings.is_standing then 'closed'
        else 'reopened'
    end as state,
    case when last_closings.is_standing then last_closings.closed_by end as closed_by,
    case when last_closings.is_standing then last_closings.figures_hash end as figures_hash,
    case when last_closings.is_standing then last_closings.timezone else calendar.timezone end as timezone,
    case when last_closings.is_standing then last_closings.missing_figures end as missing_figures,
    case when last_closings.is_standing then last_closings.version end as version,
    last_closings.version as last_version,
    coalesce(calendar.stat_month, last_closings.stat_month) as stat_month,
    {% for bound in ('period_start', 'period_end', 'starts_at', 'ends_at') -%}
        case when last_closings.is_standing then last_closings.{{ bound }} else calendar.{{ bound }} end as {{ bound }},
    {% endfor -%}
    case when last_closings.is_standing then last_closings.closed_at end as closed_at
from calendar
full outer join last_closings
    on calendar.site_code = last_closings.site_code and calendar.stat_month = last_closings.stat_month
