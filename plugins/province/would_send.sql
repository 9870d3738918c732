-- One row per statistic: the figures of a range that the marts hold, and how they stand in the outbox.
select
    figures.stat_type,
    count(*) as figures,
    count(*) filter (where outbox.data_code is null) as fresh,
    count(*) filter (
        where outbox.sent_at is not null and outbox.value is distinct from figures.value::numeric(32, 10)
    ) as corrected,
    count(*) filter (where outbox.status = 3) as failed,
    count(*) filter (where not figures.is_valid) as partial
from marts.upload_values as figures
left join ops.upload_outbox as outbox
    on
        figures.site_code = outbox.site_code
        and figures.data_code = outbox.data_code
        and figures.stat_type = outbox.stat_type
        and figures.stat_date = outbox.stat_date
        and outbox.destination = %(destination)s
where
    figures.site_code = %(site)s
    and figures.destination in ('*', %(destination)s)
    -- As fill.sql has it: an item of the destination's own takes the place of the one for all.
    and (
        figures.destination = %(destination)s
        or not exists (
            select 1 from ledger.upload_items as own
            where
                own.site_code = figures.site_code
                and own.data_code = figures.data_code
                and own.destination = %(destination)s
        )
    )
    -- A month or a year is named by its first day: the one that holds the first day belongs to it.
    and figures.stat_date >= case figures.stat_type
        when 2 then %(month)s::date
        when 3 then %(year)s::date
        else %(first)s::date
    end
    and figures.stat_date < %(after)s
    and figures.ends_at <= %(now)s
    and (%(codes)s::text[] is null or figures.data_code = any(%(codes)s))
group by figures.stat_type
order by figures.stat_type
