-- One row per site, part of the data quality index and month of a platform: what it counts for, by the site or else by
-- the seed.
select
    sites.site_code,
    months.stat_month,
    parts.part,
    coalesce(own.weight, seeded.weight) as weight,
    case when own.weight is not null then coalesce('本单位：' || own.source, '本单位设定') else seeded.remark end as basis
from {{ ref('stg_ledger__sites') }} as sites
inner join ({{ months_of_platforms() }}) as months on sites.site_code = months.site_code
cross join (select distinct part from {{ ref('quality_weights_default') }}) as parts
left join {{ ref('stg_ledger__quality_weights') }} as own
    on
        sites.site_code = own.site_code
        and parts.part = own.part
        and months.stat_month >= own.valid_from
        and months.stat_month < own.valid_to
left join {{ ref('quality_weights_default') }} as seeded
    on
        parts.part = seeded.part
        and months.stat_month >= coalesce(seeded.valid_from, '-infinity')
        and months.stat_month < coalesce(seeded.valid_to, 'infinity')
