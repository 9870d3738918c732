{%- set least_completeness = 0.9 %}
{%- set most_deviation = 0.05 %}
{%- set counts = ['filled', 'sent', 'acknowledged', 'failed', 'late', 'corrected'] %}
-- Follows the outbox at once: what is expected comes from the items and the clock, what became of it from the outbox.
with counts as (
    -- Neither is joined to the other: so a range of stat_date reaches both.
    select
        site_code,
        destination,
        data_code,
        stat_type,
        stat_date,
        expected_count,
        {% for count in counts -%}
            0 as {{ count }}_count,
        {% endfor -%}
        null as failure
    from {{ ref('int_uploads__expected') }}
    union all
    select
        site_code,
        destination,
        data_code,
        stat_type,
        stat_date,
        0 as expected_count,
        {% for count in counts -%}
            {{ count }}_count,
        {% endfor -%}
        failure
    from {{ ref('int_uploads__sent') }}
),

summed as (
    select
        site_code,
        destination,
        data_code,
        stat_type,
        stat_date,
        {% for count in ['expected'] + counts -%}
            sum({{ count }}_count)::integer as {{ count }}_count,
        {% endfor -%}
        max(failure) as failure
    from counts
    group by site_code, destination, data_code, stat_type, stat_date
),

judged as (
    select
        *,
        case
            when expected_count > 0 then round(least(acknowledged_count::numeric / expected_count, 1), 9)
        end as completeness
    from summed
)

select
    judged.site_code,
    judged.destination,
    judged.data_code,
    items.name as item_name,
    judged.stat_type,
    judged.stat_date,
    judged.expected_count,
    judged.filled_count,
    judged.sent_count,
    judged.acknowledged_count,
    judged.failed_count,
    judged.late_count,
    judged.corrected_count,
    judged.completeness,
    judged.completeness >= {{ least_completeness }} as is_complete,
    deviations.day_sum,
    deviations.month_value,
    deviations.deviation as month_deviation,
    deviations.deviation <= {{ most_deviation }} as is_month_consistent,
    nullif(
        concat_ws(
            '；',
            case
                when judged.filled_count < judged.expected_count
                    then '应有 ' || judged.expected_count || ' 个值，数据只有 ' || judged.filled_count || ' 个'
            end,
            case
                when judged.filled_count > judged.acknowledged_count + judged.failed_count
                    then (judged.filled_count - judged.acknowledged_count - judged.failed_count) || ' 个待平台确认'
            end,
            case
                when judged.failed_count > 0
                    then judged.failed_count || ' 个上报失败' || coalesce('：' || judged.failure, '')
            end,
            case
                when deviations.deviation > {{ most_deviation }}
                    then '日数据之和与月数据相差 ' || round(deviations.deviation * 100, 1) || '%'
            end
        ), ''
    ) as reason
from judged
left join {{ ref('int_uploads__destinations') }} as items
    on
        judged.site_code = items.site_code
        and judged.destination = items.destination
        and judged.data_code = items.data_code
left join {{ ref('int_uploads__deviations') }} as deviations
    on
        judged.site_code = deviations.site_code
        and judged.destination = deviations.destination
        and judged.data_code = deviations.data_code
        and judged.stat_type = 2
        and judged.stat_date = deviations.stat_month
