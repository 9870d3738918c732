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

-- Two lists and no full join: its merged keys would hide from the planner how many meters each of them meets.
select
    own.site_code,
    own.standard,
    own.category,
    own.level,
    coalesce(own.required_rate_pct, seeded.required_rate_pct) as required_rate_pct,
    coalesce(own.accuracy_class, seeded.strictest_class) as strictest_class,
    coalesce(own.accuracy_class, seeded.loosest_class) as loosest_class,
    case when own.accuracy_class is null then seeded.accuracy_condition end as accuracy_condition,
    coalesce(own.clause, seeded.clause) as clause,
    case when own.required_rate_pct is not null then 'own' else seeded.evidence end as evidence,
    case when own.accuracy_class is not null then 'own' else seeded.accuracy_evidence end as accuracy_evidence,
    coalesce(own.valid_from, seeded.valid_from, '-infinity') as valid_from,
    coalesce(own.valid_to, seeded.valid_to, 'infinity') as valid_to
from own
left join seeded
    on own.standard = seeded.standard and own.category = seeded.category and own.level = seeded.level
union all
select
    sites.site_code,
    seeded.standard,
    seeded.category,
    seeded.level,
    seeded.required_rate_pct,
    seeded.strictest_class,
    seeded.loosest_class,
    seeded.accuracy_condition,
    seeded.clause,
    seeded.evidence,
    seeded.accuracy_evidence,
    coalesce(seeded.valid_from, '-infinity') as valid_from,
    coalesce(seeded.valid_to, 'infinity') as valid_to
from {{ ref('stg_ledger__sites') }} as sites
cross join seeded
where not exists (
    select 1 from own
    where
        own.site_code = sites.site_code
        and own.standard = seeded.standard
        and own.category = seeded.category
        and own.level = seeded.level
)
