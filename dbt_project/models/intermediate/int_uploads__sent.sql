-- One row per platform, item, statistic and day that begins a period: what became of its values. A value is late when it
-- is acknowledged after the day that follows its period, or has not been by then; one of a period that had ended before
-- the platform was there is not.
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
        coalesce(outbox.acked_at, {{ clock_at() }}) > deadline.due_at
        and (outbox.status <> 2 or outbox.version = 1)
        and deadline.due_at > destinations.created_at
    ) as late_count,
    count(*) filter (where outbox.version > 1) as corrected_count,
    count(*) filter (where outbox.is_valid) as valid_count,
    count(*) filter (where outbox.input_type = 5) as manual_count,
    max(outbox.last_message) filter (where outbox.status = 3) as failure
from {{ ref('stg_ops__upload_outbox') }} as outbox
inner join {{ ref('stg_ops__upload_destinations') }} as destinations
    on outbox.site_code = destinations.site_code and outbox.destination = destinations.destination
inner join {{ ref('int_sites__clocks_now') }} as clocks on outbox.site_code = clocks.site_code
cross join lateral (
    select
        (
            case outbox.stat_type
                when 2 then
                    {{ month_first_date("(outbox.stat_date + interval '1 month')", 'clocks.month_start_day') }}
                when 3 then
                    {{ month_first_date("(outbox.stat_date + interval '1 year')", 'clocks.month_start_day') }}
                else outbox.stat_date::date + 1
            end + 1 + clocks.day_start
        ) at time zone clocks.timezone as due_at
) as deadline
group by outbox.site_code, outbox.destination, outbox.data_code, outbox.stat_type, outbox.stat_date::date
