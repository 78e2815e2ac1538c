{# A model's schema is the one it names, in every environment: an environment has a warehouse of its own. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
