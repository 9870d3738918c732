-- Closings that were cut off and given up are none.
select
    site_code,
    closing_id,
    version,
    timezone,
    closed_by,
    reason,
    platform_version,
    models_sha256,
    figures_hash,
    reopened_by,
    reopen_reason,
    missing_figures,
    accepted_batches,
    last_change_id,
    figure_rows,
    sealed_at is not null as is_sealed,
    sealed_at is not null and reopened_at is null as is_standing,
    stat_month,
    period_start,
    period_end,
    starts_at,
    ends_at,
    closed_at,
    sealed_at,
    reopened_at
from {{ source('ops', 'period_closings') }}
where abandoned_at is null
