-- What is not known of a month, a line each: flows with silent hours or without a figure, energies without
-- documents, stock that was not counted, totals that can't be had. No line: the month is complete.
with flows as (
    select
        '流 ' || flows.flow_code as subject,
        case
            when figures.flow_code is null then '本月没有任何读数'
            when figures.quantity is null then figures.quantity_reason
            else concat_ws(
                '，',
                case
                    when figures.coverage < 1
                        then '实测覆盖率 ' || trim_scale(floor(figures.coverage * 10000) / 100) || '%%'
                end,
                case when figures.missing_meters <> '{}'
                    then '部分时段无读数的计量器具 ' || array_to_string(figures.missing_meters, '、') end,
                case when figures.estimated_quantity <> 0
                    then '其中估计量 ' || trim_scale(figures.estimated_quantity) end,
                case when figures.tce_equivalent is null then '当量折标煤：' || figures.tce_equivalent_reason end,
                case when figures.tce_equal is null then '等价折标煤：' || figures.tce_equal_reason end
            )
        end as reason
    from marts.dim_flows as flows
    left join marts.fct_energy_monthly as figures
        on
            flows.site_code = figures.site_code
            and flows.flow_code = figures.flow_code
            and figures.stat_month = %(stat_month)s
    where flows.site_code = %(site_code)s and flows.measured_by is not null
),

energies as (
    select
        '能源 ' || coalesce(energy_name, energy_code) as subject,
        concat_ws('，', case when quantity is null then quantity_reason end, stock_reason) as reason
    from marts.performance_by_type
    where
        site_code = %(site_code)s and period_type = 'month' and period_start = %(period_start)s
        and (source = 'erp' or stock_reason is not null)
),

totals as (
    select
        '综合能耗（' || totals.basis || '）' as subject,
        case when totals.tce is null then coalesce(totals.reason, '不能计算') end as reason
    from marts.comprehensive_energy as energy
    cross join lateral (
        values
        ('当量', energy.tce_equivalent, energy.tce_equivalent_reason),
        ('等价', energy.tce_equal, energy.tce_equal_reason)
    ) as totals (basis, tce, reason)
    where energy.site_code = %(site_code)s and energy.period_type = 'month' and energy.period_start = %(period_start)s
)

select subject || '：' || reason
from (
    select 1 as part, * from flows
    union all
    select 2, * from energies
    union all
    select 3, * from totals
) as gaps
where reason <> ''
order by part, subject
