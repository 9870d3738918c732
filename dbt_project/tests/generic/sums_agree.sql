{#- Per flow, a column's sum is the same over the coarser and the finer table: nothing is lost or doubled on
    the way up. Both ways, so that a flow missing on either side fails. -#}
{% test sums_agree(model, coarse, fine_model, fine) %}
with coarse_sums as (
    select site_code, flow_code, sum({{ coarse }}) as quantity from {{ model }} group by site_code, flow_code
),

fine_sums as (
    select site_code, flow_code, sum({{ fine }}) as quantity from {{ fine_model }} group by site_code, flow_code
)

select site_code, flow_code, coarse_sums.quantity as coarse_quantity, fine_sums.quantity as fine_quantity
from coarse_sums
full outer join fine_sums using (site_code, flow_code)
where abs(coalesce(coarse_sums.quantity, 0) - coalesce(fine_sums.quantity, 0)) > 1e-6
    or (coarse_sums.quantity is null) <> (fine_sums.quantity is null)
{% endtest %}
