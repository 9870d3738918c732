-- One row per batch: what landed against what was registered, and how much of it can be used.
-- Figures that do not apply to a batch are null, and nothing is expected of them.
with judged as not materialized (
    select * from ops.batches
    where batch_id in ($batch_ids)
),

readings as (
    select
        readings.batch_id,
        count(*) as rows_found,
        count(*) filter (
            where readings.read_at < '$earliest_stamp'
            or readings.read_at > judged.received_at + interval '$future_minutes minutes'
        ) as rows_with_implausible_stamp,
        count(*) filter (where readings.quality = 'bad' or meters.meter_code is null) as rows_useless,
        -- The maximum says something about a single value only where the value is a quantity.
        count(*) filter (
            where meters.reading_kind in ('interval', 'rate') and meters.max_per_hour is not null
        ) as rows_with_maximum,
        count(*) filter (
            where
            meters.reading_kind in ('interval', 'rate')
            and readings.value * meters.multiplier * 60
            > meters.max_per_hour
            * case when meters.reading_kind = 'interval' then meters.interval_minutes else 60 end
        ) as rows_above_maximum
    from raw.readings as readings
    inner join judged on readings.batch_id = judged.batch_id
    left join ledger.meters as meters
        on readings.site_code = meters.site_code and readings.meter_code = meters.meter_code
    where
        readings.batch_id in ($batch_ids)
        and readings.read_at >= '$first_read_at'
        and readings.read_at <= '$last_read_at'
    group by readings.batch_id
),

documents as (
    select
        batch_id,
        count(*) as rows_found
    from (
        select batch_id from raw.production
        where batch_id in ($batch_ids)
        union all
        select batch_id from raw.purchases
        where batch_id in ($batch_ids)
        union all
        select batch_id from raw.stocks
        where batch_id in ($batch_ids)
    ) as rows_of_erp
    group by batch_id
)

select
    judged.batch_id,
    judged.site_code,
    judged.kind,
    judged.file,
    judged.rows_total,
    judged.rows_landed,
    judged.rows_rejected,
    -- A ledger row is updated in place and counts for the batch that wrote it last.
    case
        when judged.kind <> 'ledger' then coalesce(readings.rows_found, documents.rows_found, 0)
    end as rows_found,
    case when judged.kind = 'readings' then judged.rows_landed + judged.rows_rejected end as rows_accounted,
    case
        when judged.kind <> 'ledger' and judged.rows_total >= $minimum_rows
            then round(
                (judged.rows_rejected + coalesce(readings.rows_useless, 0)) / judged.rows_total::numeric, 4
            )
    end as unusable_share,
    case
        when readings.rows_found >= $minimum_rows
            then round(readings.rows_with_implausible_stamp / readings.rows_found::numeric, 4)
    end as implausible_stamp_share,
    case
        when readings.rows_with_maximum >= $minimum_values
            then round(readings.rows_above_maximum / readings.rows_with_maximum::numeric, 4)
    end as above_maximum_share,
    case
        when judged.kind = 'readings' and judged.last_read_at < judged.received_at
            then round(extract(epoch from judged.received_at - judged.last_read_at) / 3600, 1)
    end as hours_old
from judged
left join readings on judged.batch_id = readings.batch_id
left join documents on judged.batch_id = documents.batch_id
