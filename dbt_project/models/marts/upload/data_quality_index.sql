{%- set parts = ('completeness', 'accuracy', 'timeliness', 'verifiability', 'validity', 'conformity') %}
-- DB53/T 1116-2022 names the six parts. What is counted for each is our reading of them (decision 0015), the weights are
-- configurable. A part of which nothing can be said leaves the index without a value, and says why.
with status as (
    select
        site_code,
        destination,
        date_trunc('month', stat_date)::date as stat_month,
        sum(expected_count) as expected_count,
        sum(acknowledged_count) filter (where expected_count > 0) as acknowledged_count,
        sum(late_count) as late_count,
        sum(failed_count) as failed_count,
        sum(acknowledged_count + failed_count) as answered_count,
        sum(filled_count) as filled_count,
        count(*) filter (where is_month_consistent) as consistent_count,
        count(*) filter (where is_month_consistent is not null) as compared_count
    from {{ ref('upload_status') }}
    group by site_code, destination, date_trunc('month', stat_date)::date
),

rows_sent as (
    select
        site_code,
        destination,
        date_trunc('month', stat_date)::date as stat_month,
        sum(valid_count) as valid_count,
        sum(manual_count) as manual_count
    from {{ ref('int_uploads__sent') }}
    group by site_code, destination, date_trunc('month', stat_date)::date
),

rated as (
    select
        status.site_code,
        status.destination,
        status.stat_month,
        case
            when status.expected_count > 0
                then round(least(status.acknowledged_count::numeric / status.expected_count, 1), 6)
        end as completeness,
        round(status.consistent_count::numeric / nullif(status.compared_count, 0), 6) as accuracy,
        case
            when status.expected_count > 0
                then round(
                    greatest(
                        1
                        - (status.late_count + greatest(status.expected_count - status.filled_count, 0))::numeric
                        / greatest(status.expected_count, status.filled_count), 0
                    ), 6
                )
        end as timeliness,
        -- Half of it whether a value came from an instrument, half whether the instruments are verified themselves.
        round(
            (
                1 - rows_sent.manual_count::numeric / nullif(status.filled_count, 0)
                + meters.verified_count::numeric / nullif(meters.meter_count, 0)
            ) / 2, 6
        ) as verifiability,
        round(rows_sent.valid_count::numeric / nullif(status.filled_count, 0), 6) as validity,
        round(1 - status.failed_count::numeric / nullif(status.answered_count, 0), 6) as conformity
    from status
    left join rows_sent
        on
            status.site_code = rows_sent.site_code
            and status.destination = rows_sent.destination
            and status.stat_month = rows_sent.stat_month
    left join {{ ref('int_uploads__verifiable_meters') }} as meters
        on status.site_code = meters.site_code and status.stat_month = meters.stat_month
),

weights as (
    select
        site_code,
        stat_month,
        {% for part in parts -%}
            max(weight) filter (where part = '{{ part }}') as {{ part }},
        {% endfor -%}
        sum(weight) as total,
        string_agg(distinct basis, '；' order by basis) as basis
    from {{ ref('int_uploads__weights') }}
    group by site_code, stat_month
)

select
    rated.site_code,
    rated.destination,
    rated.stat_month,
    {% for part in parts -%}
        rated.{{ part }},
    {% endfor -%}
    round(
        (
            {% for part in parts -%}
                case when weights.{{ part }} = 0 then 0 else weights.{{ part }} * rated.{{ part }} end
                {{- ' + ' if not loop.last }}
            {% endfor -%}
        ) / nullif(weights.total, 0) * 100, 2
    ) as index_value,
    weights.basis as weight_basis,
    nullif(
        concat_ws(
            '；',
            {% for part, words in (
                ('completeness', '完整性：本月没有应传的数据'),
                ('accuracy', '准确性：没有可与日数据比较的月数据'),
                ('timeliness', '时效性：本月没有应传的数据'),
                ('verifiability', '可验证性：没有上传数据或没有在用的计量器具'),
                ('validity', '有效性：本月没有数据'),
                ('conformity', '规范性：平台还没有答复'),
            ) -%}
                case when rated.{{ part }} is null and weights.{{ part }} > 0 then '{{ words }}' end
                {{- ',' if not loop.last }}
            {% endfor -%}
        ), ''
    ) as index_reason
from rated
-- A month before the platform is answered for has no index.
inner join weights on rated.site_code = weights.site_code and rated.stat_month = weights.stat_month
