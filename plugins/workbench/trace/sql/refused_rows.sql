-- Rows of the meters that were refused as their file landed (no number, no time …), of the period or without a
-- readable time. Their text is kept as it came.
-- site_code, timezone, meter_codes; starts_at, ends_at: the period, half-open
select
    refused.row ->> 'meter_code' as meter_code,
    refused.row ->> 'read_at' as read_at_text,
    refused.row ->> 'value' as value_text,
    refused.column_name,
    refused.reason_code,
    refused.reason,
    refused.batch_id,
    refused.file,
    refused.line
from quarantine.rejected_at_landing as refused
where
    refused.site_code = %(site_code)s::text
    and refused.row ->> 'meter_code' = any(%(meter_codes)s::text[])
    and case
        when not pg_input_is_valid(refused.row ->> 'read_at', 'timestamp') then true
        when refused.row ->> 'read_at' ~ '([+-][0-9]{2}(:?[0-9]{2})?|Z)$' and length(refused.row ->> 'read_at') > 10
            then (refused.row ->> 'read_at')::timestamptz >= %(starts_at)s::timestamptz
                and (refused.row ->> 'read_at')::timestamptz < %(ends_at)s::timestamptz
        else (refused.row ->> 'read_at')::timestamp at time zone %(timezone)s::text >= %(starts_at)s::timestamptz
            and (refused.row ->> 'read_at')::timestamp at time zone %(timezone)s::text < %(ends_at)s::timestamptz
    end
order by refused.batch_id, refused.line
