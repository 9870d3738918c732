-- One row per flow and week, month, quarter or year.
select * from {{ ref('int_flows__weeks_months') }}
union all
select * from {{ ref('int_flows__quarters_years') }}
