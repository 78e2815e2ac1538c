"""What PostgreSQL would take and Redshift does not: statements, types and functions, each with a sentence.

Sources: the manual's pages on Redshift and PostgreSQL
(https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-and-postgres-sql.html), on
unsupported features, types and functions, and those of each statement. Clauses are in redshift_refusals.py,
which reads the grammar.
"""

from __future__ import annotations

_NO_INDEXES = "Redshift has no indexes; choose a SORTKEY instead"
_NO_SEQUENCES = "Redshift has no sequences; use an IDENTITY column"
_LOCAL = "it belongs to a PostgreSQL server, which Redshift does not show"

STATEMENTS: dict[tuple[str, ...], str] = {
    ("create", "index"): _NO_INDEXES,
    ("create", "unique", "index"): _NO_INDEXES,
    ("alter", "index"): _NO_INDEXES,
    ("drop", "index"): _NO_INDEXES,
    ("reindex",): "Redshift has no indexes; use VACUUM REINDEX for interleaved sort keys",
    ("cluster",): "Redshift sorts by SORTKEY and VACUUM",
    ("create", "sequence"): _NO_SEQUENCES,
    ("create", "temp", "sequence"): _NO_SEQUENCES,
    ("create", "temporary", "sequence"): _NO_SEQUENCES,
    ("alter", "sequence"): _NO_SEQUENCES,
    ("drop", "sequence"): _NO_SEQUENCES,
    ("create", "trigger"): "Redshift has no triggers",
    ("create", "constraint", "trigger"): "Redshift has no triggers",
    ("create", "event", "trigger"): "Redshift has no triggers",
    ("drop", "trigger"): "Redshift has no triggers",
    ("create", "rule"): "Redshift has no rules",
    ("create", "extension"): "Redshift has no extensions",
    ("create", "type"): "Redshift has no user-defined types",
    ("alter", "type"): "Redshift has no user-defined types",
    ("create", "domain"): "Redshift has no domains",
    ("create", "aggregate"): "Redshift has no user-defined aggregates",
    ("create", "operator"): "Redshift has no user-defined operators",
    ("create", "cast"): "Redshift has no user-defined casts",
    ("create", "collation"): "Redshift has no user-defined collations",
    ("create", "language"): "Redshift has SQL, Lambda functions and PL/pgSQL procedures only",
    ("create", "tablespace"): "Redshift has no tablespaces",
    ("create", "unlogged"): "Redshift has no unlogged tables",
    ("create", "statistics"): "Redshift has no extended statistics; use ANALYZE",
    ("create", "publication"): "Redshift has data sharing instead of logical replication",
    ("create", "subscription"): "Redshift has data sharing instead of logical replication",
    ("create", "foreign"): "Redshift has external schemas instead of foreign tables",
    ("create", "server"): "Redshift has external schemas instead of foreign servers",
    ("create", "policy"): "Redshift's CREATE RLS POLICY is not emulated",
    ("create", "temp", "view"): "Redshift has no temporary views; use a temporary table",
    ("create", "temporary", "view"): "Redshift has no temporary views; use a temporary table",
    ("create", "recursive", "view"): "Redshift has no recursive views; use WITH RECURSIVE",
    ("do",): "Redshift has no anonymous blocks; use a stored procedure",
    ("listen",): "Redshift has no notifications",
    ("notify",): "Redshift has no notifications",
    ("unlisten",): "Redshift has no notifications",
    ("savepoint",): "Redshift has no savepoints",
    ("release",): "Redshift has no savepoints",
    ("rollback", "to"): "Redshift has no savepoints",
    ("prepare", "transaction"): "Redshift has no two-phase commits",
    ("values",): "Redshift takes VALUES in an INSERT only; SELECT … UNION ALL SELECT …",
    ("table",): "Redshift has no TABLE command; SELECT * FROM it",
    ("explain", "analyze"): "Redshift's EXPLAIN does not run the query; see SYS_QUERY_DETAIL",
    ("explain", "("): "Redshift's EXPLAIN knows VERBOSE only",
    ("checkpoint",): _LOCAL,
    ("discard",): _LOCAL,
    ("load",): _LOCAL,
    ("alter", "system"): _LOCAL,
    ("security", "label"): _LOCAL,
    ("import", "foreign"): "Redshift has external schemas instead of foreign tables",
    ("create", "external"): "external schemas and tables (Spectrum) are not emulated",
    ("create", "model"): "Redshift ML is not emulated",
    ("create", "datashare"): "data sharing is not emulated",
    ("create", "masking"): "dynamic data masking is not emulated",
    ("create", "rls"): "row-level security is not emulated",
    ("create", "library"): "Redshift has had no Python functions since June 2026",
    ("analyze", "compression"): "ANALYZE COMPRESSION is not emulated",
    ("cancel",): "CANCEL is not emulated; use pg_terminate_backend or the Data API's CancelStatement",
}

UNSUPPORTED_TYPES = frozenset(
    [
        *(
            "json",
            "jsonb",
            "bytea",
            "uuid",
            "xml",
            "money",
            "inet",
            "cidr",
            "macaddr",
            "bit",
            "varbit",
            "hstore",
        ),
        *("tsvector", "tsquery", "point", "line", "lseg", "box", "path", "polygon", "circle"),
        *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
        *("oid", "name"),
    ]
)
CATALOG_TYPES = frozenset({"oid", "name"})
"""Types that queries of the catalog may cast to."""
SERIAL_TYPES = frozenset(["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"])
NOT_EMULATED_TYPES = frozenset(["geometry", "geography", "hllsketch", "varbyte", "varbinary"])

_FUNCTIONS = {
    "use LISTAGG": ["array_agg", "string_agg", "xmlagg"],
    "iterate over a SUPER column": [
        "unnest",
        "generate_subscripts",
        "jsonb_array_elements",
        "json_array_elements",
    ],
    "use a SUPER value": [
        *("array_append", "array_cat", "array_length", "array_lower", "array_position", "array_prepend"),
        *(
            "array_remove",
            "array_replace",
            "array_to_string",
            "array_upper",
            "cardinality",
            "string_to_array",
        ),
        *(
            "json_agg",
            "jsonb_agg",
            "json_object_agg",
            "jsonb_object_agg",
            "to_json",
            "to_jsonb",
            "row_to_json",
        ),
        *("json_build_object", "jsonb_build_object", "json_build_array", "jsonb_build_array", "jsonb_set"),
        *("json_extract_path", "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_array_length"),
        *("jsonb_typeof", "jsonb_object_keys", "json_object_keys", "json_each", "jsonb_each"),
    ],
    "cast a string": ["make_date", "make_time", "make_timestamp", "make_timestamptz"],
    "use DATEADD": ["make_interval"],
    "use DATEDIFF": ["age", "justify_days", "justify_hours", "justify_interval"],
    "use GETDATE() or SYSDATE": ["clock_timestamp", "statement_timestamp", "transaction_timestamp"],
    "use DATE_TRUNC": ["date_bin"],
    "concatenate with ||": ["concat_ws", "format"],
    "use REGEXP_SUBSTR, REGEXP_COUNT or REGEXP_INSTR": [
        *("regexp_match", "regexp_matches", "regexp_like", "regexp_split_to_array", "regexp_split_to_table"),
    ],
    "use SPLIT_PART": ["string_to_table"],
    "use LIKE": ["starts_with"],
    "use SUBSTRING and ||": ["overlay"],
    "use SHA2": ["sha224", "sha256", "sha384", "sha512"],
    "make keys with SHA2 or an IDENTITY column": ["gen_random_uuid", "uuidv4", "uuidv7"],
    "use an IDENTITY column": ["nextval", "currval", "lastval", "setval"],
    "aggregate by hand": [
        *(
            "mode",
            "corr",
            "covar_pop",
            "covar_samp",
            "regr_avgx",
            "regr_avgy",
            "regr_count",
            "regr_intercept",
        ),
        *("regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "every", "range_agg"),
    ],
    "use CASE": ["width_bucket", "num_nulls", "num_nonnulls"],
    "calculate it by hand": ["factorial", "gcd", "lcm", "div", "scale", "min_scale", "trim_scale", "erf"],
    "Redshift has no advisory locks": ["pg_advisory_lock", "pg_advisory_xact_lock", "pg_try_advisory_lock"],
    "Redshift does not sleep": ["pg_sleep"],
}
FUNCTIONS = {name: instead for instead, names in _FUNCTIONS.items() for name in names}
"""PostgreSQL's functions that Redshift lacks → what to do instead."""

_NOT_EMULATED_FUNCTIONS = {
    "serialise JSON text yourself, or use JSON_PARSE": ["array", "object", "object_transform"],
    "use JSON_EXTRACT_ARRAY_ELEMENT_TEXT on JSON text": [
        *(
            "array_concat",
            "array_flatten",
            "get_array_length",
            "get_number_attributes",
            "split_to_array",
            "subarray",
        ),
    ],
    "use SHA2": ["sha", "sha1", "func_sha1", "fnv_hash", "checksum", "crc32", "farmfingerprint64"],
    "use COUNT(DISTINCT …)": [
        "hll",
        "hll_create_sketch",
        "hll_cardinality",
        "hll_combine",
        "hll_combine_sketches",
    ],
    "use LISTAGG(DISTINCT …)": ["listaggdistinct"],
    "keep bytes as hexadecimal text": ["to_varbyte", "from_varbyte", "from_hex"],
    "compare in lower case": ["collate", "soundex"],
}
NOT_EMULATED_FUNCTIONS = {
    name: instead for instead, names in _NOT_EMULATED_FUNCTIONS.items() for name in names
}
"""Redshift's functions that its emulation lacks → what to do instead."""

OPERATORS = {"->", "->>", "#>", "#>>", "@>", "<@"}
