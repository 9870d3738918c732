-- One message per step of a due date that has come, for whoever manages the meters. The key of ops.messages makes each
-- of them once; a step that was over before anybody looked is not made up for.
with due as (
    select
        calibrations.site_code,
        null::text as person_code,
        calibrations.org_code,
        'calibration' as kind,
        calibrations.meter_code as subject,
        '' as item,
        calibrations.due_date as due_on,
        calibrations.due_step,
        '计量器具 ' || calibrations.meter_code || '（' || calibrations.name || '）检定/校准' as what,
        concat_ws(
            '；',
            case calibrations.calibration_state
                when 'unqualified' then calibrations.due_date || ' 的检定/校准不合格'
                else '有效期至 ' || calibrations.due_date
            end,
            '安装地点：' || calibrations.location,
            '检定/校准机构：' || calibrations.calibration_org,
            '未检定原因：' || calibrations.uncalibrated_reason
        ) as details
    from marts.calibration_due as calibrations
    union all
    select
        certificates.site_code,
        certificates.person_code,
        certificates.org_code,
        certificates.certificate_kind as kind,
        certificates.person_code as subject,
        certificates.certificate as item,
        certificates.due_date as due_on,
        certificates.due_step,
        certificates.name || ' 的'
        || case certificates.certificate_kind when 'training' then '培训 ' else '证书 ' end || certificates.certificate as what,
        concat_ws('；', '有效期至 ' || certificates.due_date, '部门：' || certificates.department) as details
    from marts.certificate_due as certificates
)

insert into ops.messages (
    site_code, role, person_code, org_code, kind, subject, item, due_on, due_step, title, message, created_at
)
select
    site_code,
    'metering_manager' as role,
    person_code,
    org_code,
    kind,
    subject,
    item,
    due_on,
    due_step,
    what || case due_step when 'overdue' then '已到期' else '将在 ' || due_step || ' 天内到期' end as title,
    details as message,
    %(now)s as created_at
from due
where due_step in ('60', '30', '7', 'overdue') and due_on is not null
order by site_code, due_on, kind, subject, item
on conflict do nothing
returning message_id, site_code, title, message
