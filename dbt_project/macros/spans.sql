{#- The spans of the windows, each cut at the borders of the units (in microseconds) that it crosses. Reads all windows:
    the caller asks for one of them, and the planner carries its number down to the readings. -#}
{% macro pieces_of_spans(unit_us) -%}
    (
        select
            spans.site_code,
            spans.window_number,
            spans.unit_number,
            spans.is_measured,
            spans.finding,
            spans.from_value,
            spans.value,
            spans.ends_us,
            case
                when spans.is_within_unit then spans.quantity
                -- The difference of two rounded running sums: the pieces add up to the span's quantity exactly.
                else
                    round(
                        spans.quantity
                        * (least(spans.ends_us, (spans.unit_number + 1) * {{ unit_us }}) - spans.starts_us)
                        / (spans.ends_us - spans.starts_us), 12
                    )
                    - round(
                        spans.quantity
                        * (greatest(spans.starts_us, spans.unit_number * {{ unit_us }}) - spans.starts_us)
                        / (spans.ends_us - spans.starts_us), 12
                    )
            end as quantity,
            least(spans.ends_us, (spans.unit_number + 1) * {{ unit_us }})
            - greatest(spans.starts_us, spans.unit_number * {{ unit_us }}) as piece_us
        from (
            select
                numbered.*,
                first_unit = last_unit as is_within_unit,
                generate_series(first_unit, last_unit) as unit_number
            from (
                select
                    spans.*,
                    {{ unit_number('spans.starts_us', unit_us) }} as first_unit,
                    -- The last instant belongs to the unit before; a span of no length to the one it lies in.
                    {{ unit_number('greatest(spans.ends_us - 1, spans.starts_us)', unit_us) }} as last_unit
                from {{ ref('int_meters__spans') }} as spans
            ) as numbered
        ) as spans
    )
{%- endmacro %}
