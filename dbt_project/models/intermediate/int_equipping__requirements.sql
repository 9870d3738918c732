-- One row per site, edition of GB 17167, category and level: the required rate and accuracy. What a site has written
-- into its ledger takes the place of the seed's.
with seeded as (
    select
        rates.standard,
        rates.category,
        rates.level,
        rates.required_rate_pct,
        classes.strictest_class,
        classes.loosest_class,
        classes.condition as accuracy_condition,
        rates.clause,
        rates.evidence,
        classes.evidence as accuracy_evidence,
        rates.valid_from,
        rates.valid_to
    from {{ ref('equipping_requirements') }} as rates
    left join {{ ref('accuracy_requirements') }} as classes
        on rates.standard = classes.standard and rates.category = classes.category and rates.level = classes.level
),

own as (
    select requirements.*
    from {{ ref('stg_ledger__metering_requirements') }} as requirements
    inner join {{ ref('int_sites__today') }} as clocks on requirements.site_code = clocks.site_code
    where {{ in_use_today('requirements') }}
)

select
    coalesce(own.site_code, sites.site_code) as site_code,
    coalesce(own.standard, seeded.standard) as standard,
    coalesce(own.category, seeded.category) as category,
    coalesce(own.level, seeded.level) as level,
    coalesce(own.required_rate_pct, seeded.required_rate_pct) as required_rate_pct,
    coalesce(own.accuracy_class, seeded.strictest_class) as strictest_class,
    coalesce(own.accuracy_class, seeded.loosest_class) as loosest_class,
    case when own.accuracy_class is null then seeded.accuracy_condition end as accuracy_condition,
    coalesce(own.clause, seeded.clause) as clause,
    case when own.required_rate_pct is not null then 'own' else seeded.evidence end as evidence,
    case when own.accuracy_class is not null then 'own' else seeded.accuracy_evidence end as accuracy_evidence,
    coalesce(own.valid_from, seeded.valid_from, '-infinity') as valid_from,
    coalesce(own.valid_to, seeded.valid_to, 'infinity') as valid_to
from {{ ref('stg_ledger__sites') }} as sites
cross join seeded
full outer join own
    on
        sites.site_code = own.site_code
        and seeded.standard = own.standard
        and seeded.category = own.category
        and seeded.level = own.level
