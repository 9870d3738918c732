{{ config(materialized='view') }}
with causes as (
    select
        site_code,
        closing_id,
        subject,
        array_agg(cause order by cause) as causes,
        string_agg(told, '；' order by caused_at nulls last, cause) as why
    from {{ ref('int_closings__causes') }}
    group by site_code, closing_id, subject
)

select
    differences.site_code,
    differences.scope,
    differences.flow_code,
    differences.energy_code,
    energies.name as energy_name,
    energies.unit,
    coalesce(causes.causes, array['unknown']) as causes,
    -- A difference nobody can explain is told as loudly as one that is explained.
    coalesce(
        causes.why,
        '原因不明：结账后没有找到涉及它的读数、单据、台账或系数变化；也可能是平台升级后算法不同（结账时版本 '
        || differences.platform_version || '，模型 ' || left(differences.models_sha256, 12) || '）'
    ) as why,
    differences.version,
    {% for figure in ('quantity', 'tce_equivalent', 'tce_equal') -%}
        differences.closed_{{ figure }},
        differences.now_{{ figure }},
        differences.now_{{ figure }} - differences.closed_{{ figure }} as difference_{{ figure }},
    {% endfor -%}
    differences.closed_coverage,
    differences.now_coverage,
    differences.stat_month,
    differences.closed_at
from {{ ref('int_closings__differences') }} as differences
left join causes
    on
        differences.site_code = causes.site_code
        and differences.closing_id = causes.closing_id
        and differences.subject = causes.subject
left join {{ ref('dim_energies') }} as energies
    on differences.site_code = energies.site_code and differences.energy_code = energies.energy_code
