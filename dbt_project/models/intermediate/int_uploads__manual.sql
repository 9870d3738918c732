-- One row per figure that somebody entered by hand and platform that it goes to: an item's own platform's, or else every
-- one's; and one entered for a platform that shares its item with the others.
with candidates as (
    select
        entered.site_code,
        entered.data_code,
        items.destination,
        entered.stat_type,
        entered.stat_date,
        entered.value,
        items.destination as item_destination,
        items.interval_minutes,
        entered.destination = items.destination as is_own
    from {{ ref('stg_ledger__upload_values') }} as entered
    inner join {{ ref('stg_ledger__upload_items') }} as items
        on
            entered.site_code = items.site_code
            and entered.data_code = items.data_code
            and entered.destination in (items.destination, '*')
    union all
    select
        entered.site_code,
        entered.data_code,
        entered.destination,
        entered.stat_type,
        entered.stat_date,
        entered.value,
        items.destination as item_destination,
        items.interval_minutes,
        true as is_own
    from {{ ref('stg_ledger__upload_values') }} as entered
    inner join {{ ref('stg_ledger__upload_items') }} as items
        on entered.site_code = items.site_code and entered.data_code = items.data_code and items.destination = '*'
    where
        entered.destination <> '*'
        and not exists (
            select 1 from {{ ref('stg_ledger__upload_items') }} as own
            where
                own.site_code = entered.site_code
                and own.data_code = entered.data_code
                and own.destination = entered.destination
        )
)

select distinct on (
    candidates.site_code, candidates.data_code, candidates.destination, candidates.stat_type, candidates.stat_date
)
    candidates.site_code,
    candidates.data_code,
    candidates.destination,
    candidates.item_destination,
    candidates.stat_type,
    candidates.stat_date,
    candidates.value,
    (
        case candidates.stat_type
            when 0 then candidates.stat_date + make_interval(mins => candidates.interval_minutes)
            when 1 then candidates.stat_date + interval '1 day' + clocks.day_start
            when 2 then
                {{ month_first_date("(candidates.stat_date + interval '1 month')", 'clocks.month_start_day') }}
                + clocks.day_start
            else
                {{ month_first_date("(candidates.stat_date + interval '1 year')", 'clocks.month_start_day') }}
                + clocks.day_start
        end
    ) at time zone clocks.timezone as ends_at
from candidates
inner join {{ ref('int_sites__clocks_now') }} as clocks on candidates.site_code = clocks.site_code
order by
    candidates.site_code asc, candidates.data_code asc, candidates.destination asc, candidates.stat_type asc,
    candidates.stat_date asc, candidates.is_own desc
