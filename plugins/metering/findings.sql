-- An abnormal finding of an inspection becomes an event, once: see the index events_of_inspections.
insert into ops.events (occurred_at, kind, severity, site_code, subject, message, payload)
select
    coalesce(inspections.inspected_at, %(now)s),
    'inspection_abnormal',
    coalesce(inspections.severity, 'warning'),
    inspections.site_code,
    inspections.inspection_no || '/' || inspections.item,
    concat_ws(
        '；',
        '巡检异常：' || coalesce(
            nullif(concat_ws(' ', equipment.name, nullif(inspections.item, '')), ''), inspections.inspection_no
        ),
        inspections.finding
    ),
    jsonb_strip_nulls(jsonb_build_object(
        'equipment_code', inspections.equipment_code, 'org_code', inspections.org_code,
        'inspector', inspections.inspector, 'photo_file', inspections.photo_file
    ))
from ledger.inspections as inspections
left join ledger.equipment as equipment
    on inspections.site_code = equipment.site_code and inspections.equipment_code = equipment.equipment_code
inner join ledger.sites as sites on inspections.site_code = sites.site_code
where
    inspections.result = 'abnormal'
    and coalesce(inspections.retired_on > (%(now)s at time zone sites.timezone)::date, true)
order by inspections.inspected_at, inspections.inspection_no, inspections.item
on conflict (site_code, subject) where kind = 'inspection_abnormal' do nothing
returning message
