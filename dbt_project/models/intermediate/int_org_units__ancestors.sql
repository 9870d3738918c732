-- One row per organisational unit and unit above it, itself included at distance 0. A circle ends where it closes.
with recursive ancestors as (
    select
        site_code,
        org_code,
        org_code as ancestor_code,
        parent_code,
        0 as distance,
        array[org_code] as path
    from {{ ref('stg_ledger__org_units') }}
    union all
    select
        ancestors.site_code,
        ancestors.org_code,
        parents.org_code as ancestor_code,
        parents.parent_code,
        ancestors.distance + 1 as distance,
        ancestors.path || parents.org_code as path
    from ancestors
    inner join {{ ref('stg_ledger__org_units') }} as parents
        on ancestors.site_code = parents.site_code and ancestors.parent_code = parents.org_code
    where parents.org_code <> all(ancestors.path)
)

select
    site_code,
    org_code,
    ancestor_code,
    distance
from ancestors
