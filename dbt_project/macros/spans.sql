{#- From a stamp back to where the interval begins that it closes. -#}
{% macro label_us() -%}
    case when parts.reading_kind = 'interval' and parts.interval_label = 'end' then parts.interval_us else 0 end
{%- endmacro %}

{#- Whether a counter was read often enough to say when, and not only how much, between two readings (contract §3,
    coverage). -#}
{% macro is_short_span(span_us) -%}
    {{ span_us }} <= 3 * interval_us
{%- endmacro %}

{#- Where the span ends of which a reading tells: a rate holds until the next reading if that comes within three
    intervals, else for one interval (contract §2). -#}
{% macro until_us() -%}
    case
        when is_counter then read_us
        when is_rate and {{ is_short_span('next_us - read_us') }} then next_us
        else read_us - label_us + interval_us
    end
{%- endmacro %}

{#- Why a value that is itself a quantity, or a rate, can't be one (contract §2). -#}
{% macro refusal_of_quantity() -%}
    case
        when value < 0 then 'negative'
        when is_rate and value * multiplier > max_per_hour then 'above_max_per_hour'
        when not is_rate and value * multiplier * 3600000000 > max_per_hour * interval_us then 'above_max_per_hour'
    end
{%- endmacro %}

{#- Spans, each cut at the borders of the units (in microseconds) that it crosses. `spans` are those of int_meters__spans
    for all windows: the caller asks for one of them, and the planner carries its number down to the readings. -#}
{% macro pieces_of_spans(unit_us, spans=ref('int_meters__spans')) -%}
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
                from {{ spans }} as spans
            ) as numbered
        ) as spans
    )
{%- endmacro %}


{#- What the pieces of one unit come to. -#}
{% macro sums_of_pieces() -%}
    sum(pieces.quantity) as quantity,
    sum(pieces.piece_us) filter (where pieces.is_measured and pieces.finding is null) as measured_us,
    sum(pieces.quantity) filter (where not pieces.is_measured) as estimated_quantity
{%- endmacro %}
