{#- The clock of what depends on today (a calibration that is due). A session may set another one,
    nengduan.now, to see what will be due or to test. -#}
{% macro clock_at() -%}
    coalesce(nullif(current_setting('nengduan.now', true), '')::timestamptz, now())
{%- endmacro %}
