-- Redshift's functions and what it keeps about tables, in pg_catalog so that no search_path hides them.
-- Run once as superuser in template1 of a namespace's server.
SET allow_system_table_mods = on;

-- What Redshift keeps about a table and PostgreSQL does not: distribution, sort keys, encodings, keys not enforced.
CREATE TABLE pg_catalog.redshift_tables (
    id oid PRIMARY KEY,
    diststyle text,
    distkey text,
    sortkeys text[],
    encodings jsonb NOT NULL DEFAULT '{}',
    keys text[] NOT NULL DEFAULT '{}'
);
GRANT SELECT ON pg_catalog.redshift_tables TO PUBLIC;

-- Redshift's zone maps, which let a range of the leading sort column skip blocks: a BRIN index on that column. A
-- trigger keeps it complete, because Redshift's are, and PostgreSQL's own lags behind until a VACUUM.
CREATE FUNCTION pg_catalog.redshift_summarise() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM brin_summarize_new_values(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = TG_RELID AND c.relname = 'redshift_zones_' || TG_RELID;
    RETURN NULL;
END $$;
CREATE FUNCTION pg_catalog.redshift_map_zones(name regclass, sortkey text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE zones text := 'redshift_zones_' || name::oid;
BEGIN
    EXECUTE (SELECT format('DROP INDEX IF EXISTS %I.%I', relnamespace::regnamespace, zones) FROM pg_class WHERE oid = name);
    EXECUTE format('DROP TRIGGER IF EXISTS redshift_zones ON %s', name);
    IF sortkey IS NULL OR NOT EXISTS (
        SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = name AND a.attname = sortkey AND t.typcategory IN ('D', 'N', 'S')) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE INDEX %I ON %s USING brin (%I) WITH (pages_per_range = 16)', zones, name, sortkey);
    EXECUTE format('CREATE TRIGGER redshift_zones AFTER INSERT ON %s FOR EACH STATEMENT'
        ' EXECUTE FUNCTION pg_catalog.redshift_summarise()', name);
END $$;

CREATE FUNCTION pg_catalog.redshift_remember(name regclass, attributes jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE sorted text[] := CASE WHEN attributes ? 'sortkeys'
    THEN ARRAY(SELECT jsonb_array_elements_text(attributes -> 'sortkeys')) END;
DECLARE added text[] := CASE WHEN attributes ? 'keys'
    THEN ARRAY(SELECT jsonb_array_elements_text(attributes -> 'keys')) ELSE '{}' END;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = name
                   AND (pg_has_role(session_user, c.relowner, 'MEMBER'))) THEN
        RAISE EXCEPTION 'must be owner of relation %', name USING ERRCODE = '42501';
    END IF;
    INSERT INTO redshift_tables VALUES (name, attributes ->> 'diststyle', attributes ->> 'distkey', sorted,
        coalesce(attributes -> 'encodings', '{}'), added)
    ON CONFLICT (id) DO UPDATE SET
        diststyle = coalesce(excluded.diststyle, redshift_tables.diststyle),
        distkey = coalesce(excluded.distkey, redshift_tables.distkey),
        sortkeys = coalesce(excluded.sortkeys, redshift_tables.sortkeys),
        encodings = redshift_tables.encodings || excluded.encodings,
        keys = redshift_tables.keys || excluded.keys;
    IF sorted IS NOT NULL THEN
        PERFORM redshift_map_zones(name, sorted[1]);
    END IF;
END $$;

-- VARCHAR(n) holds n bytes: tables check it with this function, which raises Redshift's own error.
CREATE FUNCTION pg_catalog.redshift_too_long(length int) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION 'Value too long for character type' USING ERRCODE = '22001',
        DETAIL = format('The column holds %s bytes; Redshift counts bytes, not characters.', length);
END $$;

CREATE FUNCTION pg_catalog.redshift_append(target regclass, source regclass, ignore_extra bool, fill_target bool)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE shared text; missing text; extra text;
BEGIN
    SELECT string_agg(quote_ident(s.attname), ', ') FILTER (WHERE t.attname IS NOT NULL),
           string_agg(s.attname, ', ') FILTER (WHERE t.attname IS NULL)
    INTO shared, extra
    FROM pg_attribute s LEFT JOIN pg_attribute t ON t.attrelid = target AND t.attname = s.attname
        AND t.attnum > 0 AND NOT t.attisdropped AND t.atttypid = s.atttypid AND t.atttypmod = s.atttypmod
    WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped;
    SELECT string_agg(t.attname, ', ') INTO missing FROM pg_attribute t
    WHERE t.attrelid = target AND t.attnum > 0 AND NOT t.attisdropped AND NOT EXISTS (
        SELECT FROM pg_attribute s WHERE s.attrelid = source AND s.attname = t.attname AND NOT s.attisdropped);
    IF extra IS NOT NULL AND NOT ignore_extra THEN
        RAISE EXCEPTION 'Source table has columns that target table lacks: %', extra
            USING ERRCODE = '42804', DETAIL = 'Say IGNOREEXTRA to leave them out.';
    ELSIF missing IS NOT NULL AND NOT fill_target THEN
        RAISE EXCEPTION 'Target table has columns that source table lacks: %', missing
            USING ERRCODE = '42804', DETAIL = 'Say FILLTARGET to fill them with their default.';
    END IF;
    EXECUTE format('INSERT INTO %s (%s) SELECT %s FROM %s', target, shared, shared, source);
    EXECUTE format('DELETE FROM %s', source);
END $$;

-- Dates
CREATE FUNCTION pg_catalog.redshift_part(part text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p IN ('y', 'yr', 'yrs', 'years') THEN 'year'
        WHEN p IN ('q', 'qtr', 'qtrs', 'quarters') THEN 'quarter'
        WHEN p IN ('mon', 'mons', 'months') THEN 'month'
        WHEN p IN ('w', 'weeks') THEN 'week'
        WHEN p IN ('d', 'days', 'dayofmonth') THEN 'day'
        WHEN p IN ('h', 'hr', 'hrs', 'hours') THEN 'hour'
        WHEN p IN ('m', 'min', 'mins', 'minutes') THEN 'minute'
        WHEN p IN ('s', 'sec', 'secs', 'seconds') THEN 'second'
        WHEN p IN ('ms', 'msec', 'msecs', 'millisecond') THEN 'milliseconds'
        WHEN p IN ('us', 'usec', 'usecs', 'microsecond') THEN 'microseconds'
        WHEN p IN ('dayofweek', 'dw', 'weekday') THEN 'dow'
        WHEN p IN ('dayofyear', 'dy') THEN 'doy'
        ELSE p END
    FROM (SELECT lower(part)) AS x(p)
$$;
CREATE FUNCTION pg_catalog.redshift_date_part(part text, value timestamp) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$ SELECT date_part(redshift_part(part), value) $$;
CREATE FUNCTION pg_catalog.redshift_date_part(part text, value timestamptz) RETURNS float8
LANGUAGE sql STABLE AS $$ SELECT date_part(redshift_part(part), value) $$;
CREATE FUNCTION pg_catalog.redshift_date_part(part text, value date) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$ SELECT date_part(redshift_part(part), value) $$;
CREATE FUNCTION pg_catalog.redshift_date_part(part text, value time) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$ SELECT date_part(redshift_part(part), value) $$;
CREATE FUNCTION pg_catalog.redshift_step(part text, number bigint) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE redshift_part(part)
        WHEN 'quarter' THEN make_interval(months => 3 * number::int)
        WHEN 'month' THEN make_interval(months => number::int)
        WHEN 'year' THEN make_interval(years => number::int)
        ELSE number * ('1 ' || redshift_part(part))::interval END
$$;
CREATE FUNCTION pg_catalog.dateadd(part text, number bigint, value timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN redshift_part(part) IN ('month', 'quarter', 'year')
            AND date_trunc('day', value) = date_trunc('month', value) + interval '1 month' - interval '1 day'
        -- the end of a month stays the end of a month
        THEN date_trunc('month', value) + redshift_step(part, number) + interval '1 month' - interval '1 day'
             + (value - date_trunc('day', value))
        ELSE value + redshift_step(part, number) END
$$;
CREATE FUNCTION pg_catalog.dateadd(part text, number bigint, value timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$ SELECT value + redshift_step(part, number) $$;
CREATE FUNCTION pg_catalog.dateadd(part text, number bigint, value date) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$ SELECT dateadd(part, number, value::timestamp) $$;
CREATE FUNCTION pg_catalog.datediff(part text, earlier timestamp, later timestamp) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    -- the number of boundaries of the part between the two, not of whole parts
    SELECT CASE redshift_part(part)
        WHEN 'year' THEN (date_part('year', later) - date_part('year', earlier))::bigint
        WHEN 'quarter' THEN ((date_part('year', later) - date_part('year', earlier)) * 4
            + date_part('quarter', later) - date_part('quarter', earlier))::bigint
        WHEN 'month' THEN ((date_part('year', later) - date_part('year', earlier)) * 12
            + date_part('month', later) - date_part('month', earlier))::bigint
        WHEN 'week' THEN ((date_trunc('week', later + interval '1 day')::date
            - date_trunc('week', earlier + interval '1 day')::date) / 7)::bigint
        WHEN 'day' THEN (later::date - earlier::date)::bigint
        WHEN 'hour' THEN (extract(epoch FROM date_trunc('hour', later) - date_trunc('hour', earlier)) / 3600)::bigint
        WHEN 'minute' THEN
            (extract(epoch FROM date_trunc('minute', later) - date_trunc('minute', earlier)) / 60)::bigint
        WHEN 'second' THEN (extract(epoch FROM date_trunc('second', later) - date_trunc('second', earlier)))::bigint
        WHEN 'milliseconds' THEN (extract(epoch FROM date_trunc('milliseconds', later)
            - date_trunc('milliseconds', earlier)) * 1000)::bigint
        WHEN 'microseconds' THEN (extract(epoch FROM later - earlier) * 1000000)::bigint
        WHEN 'decade' THEN (date_part('decade', later) - date_part('decade', earlier))::bigint
        WHEN 'century' THEN (date_part('century', later) - date_part('century', earlier))::bigint
        WHEN 'epoch' THEN (extract(epoch FROM later) - extract(epoch FROM earlier))::bigint
        END
$$;
CREATE FUNCTION pg_catalog.datediff(part text, earlier timestamptz, later timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$ SELECT datediff(part, earlier AT TIME ZONE 'UTC', later AT TIME ZONE 'UTC') $$;
CREATE FUNCTION pg_catalog.datediff(part text, earlier date, later date) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT datediff(part, earlier::timestamp, later::timestamp) $$;
CREATE FUNCTION pg_catalog.date_trunc(part text, value date) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$ SELECT date_trunc(part, value::timestamp) $$;
CREATE FUNCTION pg_catalog.next_day(value timestamp, day text) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT value::date + 1 + (strpos('sumotuwethfrsa', lower(left(day, 2))) / 2 - date_part('dow', value)::int + 6) % 7
$$;
CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp
LANGUAGE sql STABLE AS $$ SELECT date_trunc('second', statement_timestamp() AT TIME ZONE 'UTC') $$;
CREATE FUNCTION pg_catalog.redshift_sysdate() RETURNS timestamp
LANGUAGE sql STABLE AS $$ SELECT transaction_timestamp() AT TIME ZONE 'UTC' $$;
CREATE FUNCTION pg_catalog.add_months(value timestamp, months int) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$ SELECT dateadd('month', months, value) $$;
CREATE FUNCTION pg_catalog.months_between(later timestamp, earlier timestamp) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
    SELECT (date_part('year', later) - date_part('year', earlier)) * 12
        + date_part('month', later) - date_part('month', earlier)
        + CASE WHEN date_part('day', later) = date_part('day', earlier) THEN 0
               ELSE (date_part('day', later) - date_part('day', earlier)) / 31 END
$$;
CREATE FUNCTION pg_catalog.last_day(value timestamp) RETURNS date
LANGUAGE sql IMMUTABLE AS $$ SELECT (date_trunc('month', value) + interval '1 month' - interval '1 day')::date $$;
CREATE FUNCTION pg_catalog.trunc(value timestamp) RETURNS date
LANGUAGE sql IMMUTABLE AS $$ SELECT value::date $$;
CREATE FUNCTION pg_catalog.convert_timezone(target text, value timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$ SELECT (value AT TIME ZONE 'UTC') AT TIME ZONE target $$;
CREATE FUNCTION pg_catalog.convert_timezone(source text, target text, value timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$ SELECT (value AT TIME ZONE source) AT TIME ZONE target $$;

-- Strings
CREATE FUNCTION pg_catalog.len(value text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length(value) $$;
CREATE FUNCTION pg_catalog.charindex(part text, whole text) RETURNS int
LANGUAGE sql IMMUTABLE AS $$ SELECT strpos(whole, part) $$;
CREATE FUNCTION pg_catalog.sha2(value text, bits int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(CASE bits WHEN 224 THEN sha224(convert_to(value, 'UTF8')) WHEN 384 THEN
        sha384(convert_to(value, 'UTF8')) WHEN 512 THEN sha512(convert_to(value, 'UTF8'))
        ELSE sha256(convert_to(value, 'UTF8')) END, 'hex')
$$;
CREATE FUNCTION pg_catalog.strtol(value text, base int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE result bigint := 0; digit int;
BEGIN
    FOR i IN 1..length(value) LOOP
        digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', lower(substr(value, i, 1))) - 1;
        IF digit < 0 OR digit >= base THEN
            RAISE EXCEPTION 'The input % is not valid to be converted to base %', value, base;
        END IF;
        result := result * base + digit;
    END LOOP;
    RETURN result;
END $$;
-- Numbers
CREATE FUNCTION pg_catalog.round(value float8, digits int) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$ SELECT round(value::numeric, digits)::float8 $$;

-- SUPER and JSON
CREATE FUNCTION pg_catalog.json_extract_path_text(value text, VARIADIC path text[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT jsonb_extract_path_text(value::jsonb, VARIADIC path) $$;
CREATE FUNCTION pg_catalog.is_valid_json(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT pg_input_is_valid(value, 'jsonb') $$;

-- Everybody may use and create in the schema public, as in PostgreSQL 8.
GRANT ALL ON SCHEMA public TO PUBLIC;
