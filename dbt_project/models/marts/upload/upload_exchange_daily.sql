select
    exchanges.site_code,
    exchanges.destination,
    exchanges.kind,
    (exchanges.started_at at time zone sites.timezone)::date as date,
    count(*)::integer as exchange_count,
    {% for outcome in ('accepted', 'refused', 'unknown', 'blocked') -%}
        (count(*) filter (where exchanges.outcome = '{{ outcome }}'))::integer as {{ outcome }}_count,
    {% endfor -%}
    sum(exchanges.row_count)::bigint as row_count,
    sum(exchanges.bytes_sent)::bigint as bytes_sent,
    sum(exchanges.bytes_received)::bigint as bytes_received,
    percentile_cont(0.5) within group (order by exchanges.duration_ms)::numeric as median_duration_ms,
    percentile_cont(0.95) within group (order by exchanges.duration_ms)::numeric as p95_duration_ms
from {{ ref('stg_ops__upload_exchanges') }} as exchanges
inner join {{ ref('stg_ledger__sites') }} as sites on exchanges.site_code = sites.site_code
group by
    exchanges.site_code, exchanges.destination, exchanges.kind,
    (exchanges.started_at at time zone sites.timezone)::date
