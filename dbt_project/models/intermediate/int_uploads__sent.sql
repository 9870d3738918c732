-- One row per platform, item, statistic and day that begins a period: what became of its values. A value is late when none
-- of its versions was acknowledged by the end of the day that follows its period, or has not been yet; one of a period that
-- had ended before the platform was there is not.
with earlier as (
    select
        site_code,
        destination,
        data_code,
        stat_type,
        stat_date,
        min(acked_at) as acked_at
    from {{ ref('stg_ops__upload_sent_values') }}
    group by site_code, destination, data_code, stat_type, stat_date
)

select
    outbox.site_code,
    outbox.destination,
    outbox.data_code,
    outbox.stat_type,
    outbox.stat_date::date as stat_date,
    count(*) as filled_count,
    count(*) filter (where outbox.sent_at is not null or outbox.version > 1) as sent_count,
    count(*) filter (where outbox.status = 2) as acknowledged_count,
    count(*) filter (where outbox.status = 3) as failed_count,
    count(*) filter (
        where
        deadline.due_at > platforms.created_at
        and coalesce(earlier.acked_at, outbox.acked_at, {{ clock_at() }}) > deadline.due_at
    ) as late_count,
    count(*) filter (where outbox.version > 1) as corrected_count,
    count(*) filter (where outbox.is_valid) as valid_count,
    count(*) filter (where outbox.input_type = 5) as manual_count,
    max(outbox.last_message) filter (where outbox.status = 3) as failure
from {{ ref('stg_ops__upload_outbox') }} as outbox
inner join {{ ref('int_uploads__platforms') }} as platforms
    on outbox.site_code = platforms.site_code and outbox.destination = platforms.destination
left join earlier
    on
        outbox.version > 1
        and outbox.site_code = earlier.site_code
        and outbox.destination = earlier.destination
        and outbox.data_code = earlier.data_code
        and outbox.stat_type = earlier.stat_type
        and outbox.stat_date = earlier.stat_date
cross join lateral (
    select
        (
            case outbox.stat_type
                when 2 then
                    {{ month_first_date("(outbox.stat_date + interval '1 month')", 'platforms.month_start_day') }}
                when 3 then
                    {{ month_first_date("(outbox.stat_date + interval '1 year')", 'platforms.month_start_day') }}
                else outbox.stat_date::date + 1
            end + 1 + platforms.day_start
        ) at time zone platforms.timezone as due_at
) as deadline
group by outbox.site_code, outbox.destination, outbox.data_code, outbox.stat_type, outbox.stat_date::date
