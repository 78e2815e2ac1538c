{#
  The days whose rows in `target` are not those of `source` any more: days that are new, days that the loader has
  written again since (a late correction restates a whole day, however old), and days with an airport whose name
  in `airports` has changed; one that facts know as unknown keeps that name. Days are compared one by one, not with a high-water mark, so that nothing depends on the
  order in which loads commit.
#}
{% macro restated_days(target, source, airports) %}
        select sources.flight_date
        from (
            select flight_date, count(*) as airports, max(loaded_at) as loaded_at
            from {{ source }}
            group by flight_date
        ) as sources
        left join (
            select flight_date, count(*) as airports, max(loaded_at) as loaded_at
            from {{ target }}
            group by flight_date
        ) as targets on sources.flight_date = targets.flight_date
        where targets.flight_date is null
            or sources.airports <> targets.airports
            or sources.loaded_at <> targets.loaded_at
        union
        select known.flight_date
        from {{ target }} as known
        inner join {{ source }} as sources
            on known.flight_date = sources.flight_date and known.airport = sources.airport
        inner join {{ airports }} as airports on sources.airport_key = airports.airport_key
        where known.airport_name <> airports.airport_name
{% endmacro %}


{# Deletes what is left of days that the source no longer has. #}
{% macro delete_days_without_source(target, source) %}
    delete from {{ target }} where flight_date not in (select flight_date from {{ source }})
{% endmacro %}
