with certificates as (
    select
        site_code,
        person_code,
        'certificate' as certificate_kind,
        concat_ws(' ', certificate, certificate_no) as certificate,
        certificate_valid_to as due_date
    from {{ ref('stg_ledger__persons') }}
    where certificate_valid_to is not null
    union all
    -- A training of the same content that holds longer takes the place of the one before.
    select
        trainings.site_code,
        trainings.person_code,
        'training' as certificate_kind,
        trainings.content as certificate,
        max(trainings.valid_to) as due_date
    from {{ ref('stg_ledger__trainings') }} as trainings
    inner join {{ ref('int_sites__today') }} as clocks on trainings.site_code = clocks.site_code
    where trainings.valid_to is not null and {{ in_use_today('trainings') }}
    group by trainings.site_code, trainings.person_code, trainings.content
)

select
    certificates.site_code,
    certificates.person_code,
    certificates.certificate_kind,
    certificates.certificate,
    persons.name,
    persons.department,
    persons.org_code,
    {{ due_step('certificates.due_date - clocks.today') }} as due_step,
    certificates.due_date - clocks.today as days_left,
    certificates.due_date
from certificates
inner join {{ ref('int_sites__today') }} as clocks on certificates.site_code = clocks.site_code
inner join {{ ref('stg_ledger__persons') }} as persons
    on certificates.site_code = persons.site_code and certificates.person_code = persons.person_code
where {{ in_use_today('persons') }}
