-- Redshift's system views, run after redshift_catalog.sql in the same session.

-- COPY's own records
CREATE TABLE pg_catalog.redshift_loads (
    query bigint GENERATED ALWAYS AS IDENTITY, pid int, userid oid, table_id oid, loaded_at timestamp,
    filename text, lines bigint);
CREATE TABLE pg_catalog.redshift_load_errors (
    query bigint, pid int, userid oid, table_id oid, starttime timestamp, filename text, line_number bigint, colname text,
    col_type text, raw_field_value text, raw_line text, err_code int, err_reason text);
CREATE VIEW pg_catalog.stl_load_errors AS
    SELECT userid::int, query, table_id::int AS tbl, starttime, pid AS session, filename, line_number, colname,
           col_type AS type, raw_line, raw_field_value, err_code, err_reason
    FROM pg_catalog.redshift_load_errors WHERE userid = (SELECT oid FROM pg_roles WHERE rolname = session_user)
        OR (SELECT rolsuper FROM pg_roles WHERE rolname = session_user);
CREATE VIEW pg_catalog.sys_load_error_detail AS
    SELECT userid AS user_id, query AS query_id, session AS session_id, tbl AS table_id, starttime AS start_time,
           filename AS file_name, line_number, colname AS column_name, type AS column_type,
           raw_field_value AS error_position_value, raw_line, err_code AS error_code, err_reason AS error_message
    FROM pg_catalog.stl_load_errors;
CREATE VIEW pg_catalog.sys_load_history AS
    SELECT userid AS user_id, query AS query_id, pid AS session_id, (SELECT nspname FROM pg_namespace n JOIN pg_class c
           ON c.relnamespace = n.oid WHERE c.oid = table_id) AS schema_name,
           (SELECT relname FROM pg_class WHERE oid = table_id) AS table_name, 'completed' AS status,
           filename AS data_source, lines AS loaded_rows, loaded_at AS end_time
    FROM pg_catalog.redshift_loads;
GRANT SELECT ON pg_catalog.stl_load_errors, pg_catalog.sys_load_error_detail, pg_catalog.sys_load_history TO PUBLIC;
CREATE FUNCTION pg_catalog.pg_last_copy_id() RETURNS bigint LANGUAGE sql SECURITY DEFINER STABLE AS $$
    SELECT coalesce(max(query), -1) FROM pg_catalog.redshift_loads WHERE pid = pg_backend_pid() $$;
CREATE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint LANGUAGE sql SECURITY DEFINER STABLE AS $$
    SELECT coalesce((SELECT lines FROM pg_catalog.redshift_loads WHERE pid = pg_backend_pid()
        ORDER BY query DESC LIMIT 1), 0) $$;
CREATE FUNCTION pg_catalog.redshift_loaded(name regclass, source text, lines bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER AS $$
    INSERT INTO pg_catalog.redshift_loads (pid, userid, table_id, loaded_at, filename, lines)
    SELECT pg_backend_pid(), (SELECT oid FROM pg_roles WHERE rolname = session_user), name,
        clock_timestamp() AT TIME ZONE 'UTC', source, lines
    RETURNING query $$;

-- Catalog views
CREATE VIEW pg_catalog.pg_table_def AS
    SELECT n.nspname AS schemaname, c.relname AS tablename, a.attname AS "column",
           format_type(a.atttypid, a.atttypmod) AS type,
           coalesce(r.encodings ->> a.attname, 'none') AS encoding,
           coalesce(r.distkey = a.attname, false) AS distkey,
           coalesce(array_position(r.sortkeys, a.attname::text), 0) AS sortkey,
           a.attnotnull AS notnull
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.redshift_tables r ON r.id = c.oid
    WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname = ANY (current_schemas(false));
CREATE VIEW pg_catalog.svv_table_info AS
    SELECT current_database()::text AS "database", n.nspname::text AS "schema", c.oid::int AS table_id,
           c.relname::text AS "table", CASE WHEN r.encodings <> '{}' THEN 'Y' ELSE 'N' END AS encoded,
           coalesce(CASE WHEN r.distkey IS NOT NULL THEN 'KEY(' || r.distkey || ')' ELSE upper(r.diststyle) END,
               'AUTO(ALL)') AS diststyle,
           r.sortkeys[1] AS sortkey1, (SELECT max(a.atttypmod - 4) FROM pg_attribute a WHERE a.attrelid = c.oid
               AND a.atttypid = 'varchar'::regtype AND NOT a.attisdropped)::int AS max_varchar,
           r.encodings ->> r.sortkeys[1] AS sortkey1_enc, coalesce(cardinality(r.sortkeys), 0) AS sortkey_num,
           pg_total_relation_size(c.oid) / 1048576 AS size, greatest(c.reltuples, 0)::numeric(38, 0) AS tbl_rows,
           -- what only Redshift's blocks and slices have
           NULL::numeric(10, 4) AS pct_used, NULL::bigint AS empty, NULL::numeric(5, 2) AS unsorted,
           NULL::numeric(5, 2) AS stats_off, NULL::numeric(19, 2) AS skew_sortkey1, NULL::numeric(19, 2) AS skew_rows,
           r.keys AS redshift_keys
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.redshift_tables r ON r.id = c.oid
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND has_table_privilege(c.oid, 'SELECT');
CREATE VIEW pg_catalog.svv_tables AS
    SELECT table_catalog, table_schema, table_name, table_type, NULL::text AS remarks FROM information_schema.tables;
CREATE VIEW pg_catalog.svv_columns AS SELECT * FROM information_schema.columns;
CREATE VIEW pg_catalog.svv_all_schemas AS
    SELECT current_database()::text AS database_name, nspname::text AS schema_name, nspowner::int AS schema_owner,
           'local' AS schema_type, nspacl::text AS schema_acl, NULL::text AS source_database, NULL::text AS schema_option
    FROM pg_namespace WHERE nspname NOT LIKE 'pg\_t%' AND nspname <> 'redshift';
CREATE VIEW pg_catalog.svv_redshift_schemas AS
    SELECT database_name, schema_name, schema_owner, schema_type, schema_acl, schema_option
    FROM pg_catalog.svv_all_schemas;
CREATE VIEW pg_catalog.svv_redshift_databases AS
    SELECT datname::text AS database_name, datdba::int AS database_owner, 'local' AS database_type,
           datacl::text AS database_acl, NULL::text AS database_options FROM pg_database WHERE NOT datistemplate;
CREATE VIEW pg_catalog.svv_all_tables AS
    SELECT table_catalog::text AS database_name, table_schema::text AS schema_name, table_name::text AS table_name,
           CASE table_type WHEN 'BASE TABLE' THEN 'TABLE' ELSE table_type END AS table_type,
           NULL::text AS table_acl, NULL::text AS remarks FROM information_schema.tables;
CREATE VIEW pg_catalog.svv_redshift_tables AS SELECT * FROM pg_catalog.svv_all_tables;
CREATE VIEW pg_catalog.svv_all_columns AS
    SELECT table_catalog::text AS database_name, table_schema::text AS schema_name, table_name::text AS table_name,
           column_name::text AS column_name, ordinal_position::int AS ordinal_position,
           column_default::text AS column_default, is_nullable::text AS is_nullable, data_type::text AS data_type,
           character_maximum_length::int AS character_maximum_length, numeric_precision::int AS numeric_precision,
           numeric_scale::int AS numeric_scale, NULL::text AS remarks FROM information_schema.columns;
CREATE VIEW pg_catalog.svv_redshift_columns AS SELECT * FROM pg_catalog.svv_all_columns;
CREATE VIEW pg_catalog.svv_external_schemas AS
    SELECT NULL::int AS esoid, NULL::int AS eskind, NULL::text AS schemaname, NULL::int AS esowner,
           NULL::text AS databasename, NULL::text AS esoptions WHERE false;
CREATE VIEW pg_catalog.svv_external_columns AS
    SELECT NULL::text AS redshift_database_name, NULL::text AS schemaname, NULL::text AS tablename,
           NULL::text AS columnname, NULL::text AS external_type, NULL::int AS columnnum, NULL::int AS part_key,
           NULL::text AS is_nullable WHERE false;
-- A late-binding view is bound at once here: it is among the ordinary views, and none is left to be listed.
CREATE FUNCTION pg_catalog.pg_get_late_binding_view_cols() RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT NULL::name, NULL::name, NULL::name, NULL::varchar, NULL::int WHERE false $$;
CREATE VIEW pg_catalog.svv_roles AS
    SELECT oid::int AS role_id, rolname::text AS role_name, NULL::text AS role_owner FROM pg_roles
    WHERE NOT rolcanlogin AND rolname NOT LIKE 'pg\_%';
CREATE VIEW pg_catalog.svv_user_grants AS
    SELECT u.oid::int AS user_id, u.rolname::text AS user_name, r.oid::int AS role_id, r.rolname::text AS role_name,
           m.admin_option FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles r ON r.oid = m.roleid
    WHERE u.rolcanlogin;
CREATE VIEW pg_catalog.svv_user_info AS
    SELECT rolname::text AS user_name, oid::int AS user_id, rolcreatedb AS createdb, rolsuper AS superuser
    FROM pg_roles WHERE rolcanlogin AND rolname <> 'rdsdb';
-- svv_table_info is for superusers, and for whom they grant it.
GRANT SELECT ON pg_catalog.pg_table_def, pg_catalog.svv_external_columns, pg_catalog.svv_tables, pg_catalog.svv_columns,
    pg_catalog.svv_all_schemas, pg_catalog.svv_redshift_schemas, pg_catalog.svv_redshift_databases,
    pg_catalog.svv_all_tables, pg_catalog.svv_redshift_tables, pg_catalog.svv_all_columns,
    pg_catalog.svv_redshift_columns, pg_catalog.svv_external_schemas, pg_catalog.svv_roles,
    pg_catalog.svv_user_grants, pg_catalog.svv_user_info TO PUBLIC;
