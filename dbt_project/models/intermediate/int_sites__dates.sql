{{ config(
    materialized='fact',
    tags='energies',
    indexes=[{'columns': ['site_code', 'stat_date'], 'unique': true}],
    pre_hook="delete from {{ this }} as built
        using ({{ dates_of_windows() }}) as windows
        where
            built.site_code = windows.site_code
            and built.stat_date >= windows.first_date
            and built.stat_date < windows.after_date",
) }}
-- One row per site and statistical day of which a flow or an ERP document knows something.
select
    windows.site_code,
    days.stat_date
from ({{ dates_of_windows() }}) as windows
inner join {{ ref('fct_energy_daily') }} as days
    on
        windows.site_code = days.site_code
        and windows.first_date <= days.stat_date
        and windows.after_date > days.stat_date
union
select
    windows.site_code,
    documents.date as stat_date
from ({{ dates_of_windows() }}) as windows
inner join {{ ref('int_erp__documents') }} as documents
    on
        windows.site_code = documents.site_code
        and windows.first_date <= documents.date
        and windows.after_date > documents.date
