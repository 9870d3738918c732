{{ config(
    materialized='fact',
    tags='ledgers',
    indexes=[{'columns': ['site_code', 'energy_code', 'date']}],
    pre_hook="delete from {{ this }}",
) }}
-- One row per site, energy, day and kind of document: what the ERP says was bought, sold, or lay in stock.
select
    site_code,
    energy_code,
    kind,
    sum(quantity) as quantity,
    date
from (
    select site_code, energy_code, kind, quantity, date from {{ ref('stg_raw__purchases') }}
    union all
    select site_code, energy_code, kind, quantity, date from {{ ref('stg_raw__stocks') }}
) as documents
group by site_code, energy_code, kind, date
