-- Run after redshift_catalog.sql in the same session.

-- Functions of which PostgreSQL has another of the same name: the translation names them in this schema, so that
-- an unnamed column is called as on Redshift.
CREATE SCHEMA redshift;
GRANT USAGE ON SCHEMA redshift TO PUBLIC;

-- The average of whole numbers is a whole number.
CREATE FUNCTION redshift.count_and_sum(state numeric[], value bigint) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    state[1] := state[1] + 1;
    state[2] := state[2] + value;
    RETURN state;
END $$;
CREATE FUNCTION redshift.whole_average(state numeric[]) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(state[2] / nullif(state[1], 0))::bigint $$;
CREATE FUNCTION redshift.whole_average(state bigint[]) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT state[2] / nullif(state[1], 0) $$;
CREATE AGGREGATE redshift.avg(smallint) (
    SFUNC = int2_avg_accum, STYPE = bigint[], FINALFUNC = redshift.whole_average, INITCOND = '{0,0}');
CREATE AGGREGATE redshift.avg(int) (
    SFUNC = int4_avg_accum, STYPE = bigint[], FINALFUNC = redshift.whole_average, INITCOND = '{0,0}');
CREATE AGGREGATE redshift.avg(bigint) (
    SFUNC = redshift.count_and_sum, STYPE = numeric[], FINALFUNC = redshift.whole_average, INITCOND = '{0,0}');
CREATE AGGREGATE redshift.avg(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = numeric_avg);
CREATE AGGREGATE redshift.avg(float4) (
    SFUNC = float4_accum, STYPE = float8[], FINALFUNC = float8_avg, INITCOND = '{0,0,0}');
CREATE AGGREGATE redshift.avg(float8) (
    SFUNC = float8_accum, STYPE = float8[], FINALFUNC = float8_avg, INITCOND = '{0,0,0}');
CREATE AGGREGATE redshift.avg(interval) (SFUNC = interval_avg_accum, STYPE = internal, FINALFUNC = interval_avg);

-- Ordered-set aggregates are no window functions in PostgreSQL: the state holds the fraction, then the values.
CREATE FUNCTION redshift.collect(state float8[], fraction float8, value float8) RETURNS float8[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value IS NULL THEN coalesce(state, ARRAY[fraction])
        ELSE array_append(coalesce(state, ARRAY[fraction]), value) END
$$;
CREATE FUNCTION redshift.interpolate(state float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT percentile_cont(state[1]) WITHIN GROUP (ORDER BY value) FROM unnest(state[2:]) AS x(value)
$$;
CREATE AGGREGATE redshift.percentile(float8, float8) (
    SFUNC = redshift.collect, STYPE = float8[], FINALFUNC = redshift.interpolate);

-- IGNORE NULLS: a strict aggregate skips them.
CREATE FUNCTION redshift.keep(state anyelement, value anyelement) RETURNS anyelement
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT state $$;
CREATE FUNCTION redshift.take(state anyelement, value anyelement) RETURNS anyelement
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT value $$;
CREATE AGGREGATE redshift.first_value(anyelement) (SFUNC = redshift.keep, STYPE = anyelement);
CREATE AGGREGATE redshift.last_value(anyelement) (SFUNC = redshift.take, STYPE = anyelement);

CREATE FUNCTION redshift.extract(part text, value timestamp) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(redshift_date_part(part, value))::bigint $$;
CREATE FUNCTION redshift.extract(part text, value date) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(redshift_date_part(part, value))::bigint $$;
CREATE FUNCTION redshift.extract(part text, value time) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(redshift_date_part(part, value))::bigint $$;
CREATE FUNCTION redshift.extract(part text, value interval) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(date_part(redshift_part(part), value))::bigint $$;
CREATE FUNCTION redshift.extract(part text, value timestamptz) RETURNS float8
LANGUAGE sql STABLE AS $$ SELECT redshift_date_part(part, value) $$;

CREATE FUNCTION redshift.concat(one text, other text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT one || other $$;
CREATE FUNCTION redshift.round(value numeric, digits int DEFAULT 0) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.round(value, digits) $$;
CREATE FUNCTION redshift.round(value float8, digits int DEFAULT 0) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.round(value::numeric, digits)::float8 $$;
CREATE FUNCTION redshift.regexp_replace(value text, pattern text, replacement text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.regexp_replace(value, pattern, replacement, 'g') $$;
CREATE FUNCTION redshift.regexp_substr(value text, pattern text, start int DEFAULT 1, occurrence int DEFAULT 1)
RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT coalesce(pg_catalog.regexp_substr(value, pattern, start, occurrence), '')
$$;
CREATE FUNCTION redshift.version() RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3),'
        ' Redshift 1.0.117891'
$$;

CREATE FUNCTION redshift.json_parse(value text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT value::jsonb $$;
CREATE FUNCTION redshift.json_serialize(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT value::text $$;
CREATE FUNCTION redshift.json_typeof(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT jsonb_typeof(value) $$;
CREATE FUNCTION redshift.json_array_length(value text) RETURNS int
LANGUAGE sql IMMUTABLE AS $$ SELECT jsonb_array_length(value::jsonb) $$;
CREATE FUNCTION pg_catalog.json_extract_array_element_text(value text, place int) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT value::jsonb ->> place $$;
CREATE FUNCTION pg_catalog.is_valid_json_array(value text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN pg_input_is_valid(value, 'jsonb') THEN jsonb_typeof(value::jsonb) = 'array' ELSE false END
$$;
CREATE FUNCTION pg_catalog.can_json_parse(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT pg_input_is_valid(value, 'jsonb') $$;
