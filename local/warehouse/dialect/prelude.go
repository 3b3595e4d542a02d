package dialect

import "strings"

// Names that rewritten SQL refers to in the DuckDB schema "snowflake". The macros are made
// by Prelude; the views are the server's, with Snowflake's column names in capitals, for
// all databases (the rewritten SQL filters).
const (
	// SystemSchema holds everything below. No schema of a user can have this
	// name, because theirs are called DATABASE.SCHEMA.
	SystemSchema = "snowflake"
	// TablesView has TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ROW_COUNT, … of INFORMATION_SCHEMA.TABLES.
	TablesView = `"snowflake"."information_schema_tables"`
	// ViewsView has TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, ….
	ViewsView = `"snowflake"."information_schema_views"`
	// ColumnsView has TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, DATA_TYPE, ….
	ColumnsView = `"snowflake"."information_schema_columns"`
	// SchemataView has CATALOG_NAME, SCHEMA_NAME, ….
	SchemataView = `"snowflake"."information_schema_schemata"`
	// DatabasesView has DATABASE_NAME, …; it is not filtered.
	DatabasesView = `"snowflake"."information_schema_databases"`
	// StagesView has STAGE_CATALOG, STAGE_SCHEMA, STAGE_NAME, ….
	StagesView = `"snowflake"."information_schema_stages"`
	// PipesView has PIPE_CATALOG, PIPE_SCHEMA, PIPE_NAME, ….
	PipesView = `"snowflake"."information_schema_pipes"`
	// FileFormatsView has FILE_FORMAT_CATALOG, FILE_FORMAT_SCHEMA, FILE_FORMAT_NAME, ….
	FileFormatsView = `"snowflake"."information_schema_file_formats"`
	// LoadHistoryView has SCHEMA_NAME, FILE_NAME, TABLE_NAME, LAST_LOAD_TIME, … and CATALOG_NAME.
	LoadHistoryView = `"snowflake"."information_schema_load_history"`
	// CopyHistoryView has the columns of TABLE(INFORMATION_SCHEMA.COPY_HISTORY(…)). The rewritten
	// SQL filters TABLE_CATALOG_NAME, TABLE_SCHEMA_NAME, TABLE_NAME and LAST_LOAD_TIME (TIMESTAMPTZ).
	CopyHistoryView = `"snowflake"."copy_history"`
)

// macros are the bodies behind snowflake.<name>. Where Snowflake's function depends on a type, the macro
// asks typeof, which DuckDB settles while it plans; every branch must therefore bind
// for every type, which is why so much goes through VARCHAR. Overloads by type serve where the answer's type
// differs. JSON has no overload: texts would match it too.
const macros = `
text(x) AS CASE typeof(x) WHEN 'DOUBLE' THEN regexp_replace(CAST(x AS VARCHAR), '\.0$', '') WHEN 'TIME' THEN left(CAST(x AS VARCHAR), 8) WHEN 'JSON' THEN variant_text(CAST(x AS VARCHAR), '$') WHEN 'TIMESTAMP' THEN strftime(CAST(CAST(x AS VARCHAR) AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g') WHEN 'TIMESTAMP_NS' THEN strftime(CAST(CAST(x AS VARCHAR) AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g') WHEN 'TIMESTAMP WITH TIME ZONE' THEN strftime(CAST(CAST(x AS VARCHAR) AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g') || ' +0000' WHEN 'BLOB' THEN hex(CAST(CAST(x AS VARCHAR) AS BLOB)) ELSE CAST(x AS VARCHAR) END
variant(x) AS CASE typeof(x) WHEN 'JSON' THEN CAST(CAST(x AS VARCHAR) AS JSON) ELSE to_json(x) END
json_text(x) AS CASE typeof(x) WHEN 'DOUBLE' THEN regexp_replace(CAST(x AS VARCHAR), '\.0$', '') WHEN 'TIME' THEN left(CAST(x AS VARCHAR), 8) WHEN 'JSON' THEN CAST(x AS VARCHAR) ELSE CAST(to_json(x) AS VARCHAR) END
parse_json(x) AS CAST(variant_json(x) AS JSON)
try_parse_json(x) AS CAST(variant_try_json(x) AS JSON)
to_array(x) AS CASE WHEN json_type(to_json(x)) = 'ARRAY' THEN to_json(x) ELSE json_array(x) END
get(x, path) AS CAST(variant_get(snowflake.json_text(x), path) AS JSON)
get_text(x, path) AS variant_text(snowflake.json_text(x), path)
element(x, i) AS snowflake.get(x, CASE typeof(i) WHEN 'VARCHAR' THEN '$."' || replace(replace(CAST(i AS VARCHAR), '\', '\\'), '"', '\"') || '"' ELSE '$[' || CAST(i AS VARCHAR) || ']' END)
array_of(l) AS CAST('[' || array_to_string(list_transform(l, lambda e: snowflake.json_text(e)), ',') || ']' AS JSON)
flatten_path(prefix, k, is_array) AS CASE WHEN is_array THEN prefix || '[' || k || ']' WHEN prefix = '' THEN k ELSE prefix || '.' || k END
divide(a, b) AS list_transform([{'a': a, 'b': b}], lambda s: cast_to_type(number_divide(CAST(s.a AS VARCHAR), CAST(s.b AS VARCHAR), CASE WHEN typeof(s.a) IN ('DOUBLE', 'FLOAT') OR typeof(s.b) IN ('DOUBLE', 'FLOAT') THEN 'DOUBLE' ELSE '' END), CASE WHEN TRUE THEN NULL ELSE round(s.a * CAST(0 AS DECIMAL(7,6)), 12) + s.a * CAST(0 AS DECIMAL(1,0)) + round(s.b * CAST(0 AS DECIMAL(1,0)), 0) END))[1]
div0(a, b) AS CASE WHEN b = 0 AND a IS NOT NULL THEN 0 ELSE snowflake.divide(a, nullif(b, 0)) END
modulo(a, b) AS CASE WHEN b = 0 THEN error('Division by zero') ELSE a % b END
trunc(x, n) AS list_transform([x], lambda v: cast_to_type(number_trunc(CAST(v AS VARCHAR), CAST(n AS VARCHAR)), CASE WHEN TRUE THEN NULL ELSE round(v * CAST(1 AS DECIMAL(1,0)), n) END))[1]
initcap(x) AS array_to_string(list_transform(regexp_extract_all(lower(x), '[^\s!?@\x22^#$&~_,.:;+\-*%/|\\\[\](){}<>]+|[\s!?@\x22^#$&~_,.:;+\-*%/|\\\[\](){}<>]+'), lambda w: upper(w[1]) || w[2:]), '')
key(x) AS CASE typeof(x) WHEN 'JSON' THEN variant_key(CAST(x AS VARCHAR)) WHEN 'BOOLEAN' THEN '1' || CAST(x AS VARCHAR) ELSE CASE WHEN typeof(x) LIKE 'DECIMAL%' OR typeof(x) IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'DOUBLE', 'FLOAT', 'UBIGINT', 'UINTEGER') THEN number_key(CAST(x AS VARCHAR)) ELSE CAST(x AS VARCHAR) END END
variant_most(a, b, sign) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN (variant_key(CAST(snowflake.variant(a) AS VARCHAR)) > variant_key(CAST(snowflake.variant(b) AS VARCHAR))) = (sign > 0) THEN snowflake.variant(a) ELSE snowflake.variant(b) END
stamp(x) AS regexp_replace(x, ' ([+-][0-9:]+)$', '\1')
wall(x) AS regexp_replace(x, '(:[0-9.]+) ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$', '\1')
unhex(x) AS unhex(x || repeat('?', length(x) % 2))
try_unhex(x) AS CASE WHEN regexp_full_match(x, '([0-9A-Fa-f]{2})*') THEN unhex(x) END
cut(x, us) AS x - to_microseconds((epoch_us(x) % us + us) % us)
fit(x, n) AS CASE WHEN length(x) > n THEN error('String is too long and would be truncated') ELSE x END
substr(x, i, n) AS CASE WHEN i < -length(x) THEN '' WHEN n IS NULL THEN substr(x, CASE WHEN i = 0 THEN 1 ELSE CAST(i AS BIGINT) END) ELSE substr(x, CASE WHEN i = 0 THEN 1 ELSE CAST(i AS BIGINT) END, greatest(CAST(n AS BIGINT), 0)) END
split_part(x, d, i) AS CASE WHEN d = '' THEN CASE WHEN i IN (0, 1, -1) THEN x ELSE '' END ELSE split_part(x, d, CASE WHEN i = 0 THEN 1 ELSE CAST(i AS BIGINT) END) END
boolean(x) AS CASE WHEN lower(trim(CAST(x AS VARCHAR), ' "')) IN ('true', 't', 'yes', 'y', 'on', '1') THEN TRUE WHEN lower(trim(CAST(x AS VARCHAR), ' "')) IN ('false', 'f', 'no', 'n', 'off', '0') THEN FALSE WHEN typeof(x) = 'JSON' AND CAST(x AS VARCHAR) = 'null' THEN NULL WHEN typeof(x) <> 'VARCHAR' AND TRY_CAST(CAST(x AS VARCHAR) AS DOUBLE) IS NOT NULL THEN TRY_CAST(CAST(x AS VARCHAR) AS DOUBLE) <> 0 ELSE CAST(CAST(x AS VARCHAR) AS BOOLEAN) END
boolean_of_text(x) AS coalesce(map_extract_value(MAP {'true': TRUE, 't': TRUE, 'yes': TRUE, 'y': TRUE, 'on': TRUE, '1': TRUE, 'false': FALSE, 'f': FALSE, 'no': FALSE, 'n': FALSE, 'off': FALSE, '0': FALSE}, lower(trim(x, ' "'))), CAST(x AS BOOLEAN))
epoch_text(n) AS CAST(make_timestamp(CAST(floor(n) AS BIGINT) * 1000000) AS VARCHAR) || '.' || lpad(CAST(CAST((n - floor(n)) * 1000000000 AS BIGINT) AS VARCHAR), 9, '0')
moment_text(x) AS CASE typeof(x) WHEN 'DOUBLE' THEN regexp_replace(CAST(x AS VARCHAR), '\.0$', '') WHEN 'JSON' THEN snowflake.wall(variant_text(CAST(x AS VARCHAR), '$')) WHEN 'TIME' THEN '1970-01-01 ' || CAST(x AS VARCHAR) WHEN 'VARCHAR' THEN snowflake.wall(CAST(x AS VARCHAR)) ELSE CASE WHEN typeof(x) IN ('INTEGER', 'BIGINT', 'HUGEINT', 'DOUBLE') OR typeof(x) LIKE 'DECIMAL%' THEN snowflake.epoch_text(CAST(CAST(x AS VARCHAR) AS DECIMAL(38,9))) ELSE CAST(x AS VARCHAR) END END
moment(x) AS CAST(snowflake.moment_text(x) AS TIMESTAMP)
moment_ns(x) AS CAST(snowflake.moment_text(x) AS TIMESTAMP_NS)
format(x, f) AS CASE typeof(x) WHEN 'TIMESTAMP_NS' THEN strftime(CAST(CAST(x AS VARCHAR) AS TIMESTAMP_NS), f) ELSE strftime(snowflake.moment(x), f) END
timestamp_ntz(x) AS snowflake.moment(x)
timestamp_ns(x) AS snowflake.moment_ns(x)
timestamp_tz(x) AS CASE WHEN typeof(x) IN ('VARCHAR', 'JSON') THEN CAST(snowflake.stamp(trim(CAST(x AS VARCHAR), '"')) AS TIMESTAMPTZ) ELSE snowflake.moment(x) AT TIME ZONE 'UTC' END
date(x) AS CAST(snowflake.moment(x) AS DATE)
time(x) AS CAST(CASE typeof(x) WHEN 'JSON' THEN json_extract_string(CAST(x AS VARCHAR), '$') WHEN 'TIMESTAMP WITH TIME ZONE' THEN CAST(CAST(CAST(CAST(x AS VARCHAR) AS TIMESTAMP) AS TIME) AS VARCHAR) WHEN 'TIMESTAMP' THEN CAST(CAST(CAST(CAST(x AS VARCHAR) AS TIMESTAMP) AS TIME) AS VARCHAR) ELSE CAST(x AS VARCHAR) END AS TIME)
below_us(x) AS ((epoch_ns(x) % 1000) + 1000) % 1000
floor_us(x) AS make_timestamp((epoch_ns(x) - snowflake.below_us(x)) // 1000)
with_ns(x, moved) AS make_timestamp_ns(epoch_us(moved) * 1000 + snowflake.below_us(x))
date_trunc(u, x DATE) AS CAST(date_trunc(u, x) AS DATE), (u, x TIMESTAMP) AS date_trunc(u, x), (u, x TIMESTAMP_NS) AS CAST(date_trunc(u, snowflake.floor_us(x)) AS TIMESTAMP_NS), (u, x TIMESTAMPTZ) AS date_trunc(u, x AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', (u, x VARCHAR) AS date_trunc(u, CAST(x AS TIMESTAMP))
shift(x DATE, i) AS x + i, (x TIMESTAMP, i) AS x + i, (x TIMESTAMP_NS, i) AS snowflake.with_ns(x, snowflake.floor_us(x) + i), (x TIMESTAMPTZ, i) AS x + i, (x TIME, i) AS x + i, (x VARCHAR, i) AS CAST(x AS TIMESTAMP) + i, (x INTERVAL, i) AS x + i
shift_days(x DATE, i) AS CAST(x + i AS DATE), (x TIMESTAMP, i) AS x + i, (x TIMESTAMP_NS, i) AS snowflake.shift(x, i), (x TIMESTAMPTZ, i) AS x + i, (x TIME, i) AS x + i, (x VARCHAR, i) AS CAST(x AS TIMESTAMP) + i, (x INTERVAL, i) AS x + i
add_months(n, x DATE) AS CAST(x + to_months(CAST(n AS INTEGER)) AS DATE), (n, x TIMESTAMP) AS x + to_months(CAST(n AS INTEGER)), (n, x TIMESTAMP_NS) AS snowflake.shift(x, to_months(CAST(n AS INTEGER))), (n, x TIMESTAMPTZ) AS (x AT TIME ZONE 'UTC' + to_months(CAST(n AS INTEGER))) AT TIME ZONE 'UTC', (n, x VARCHAR) AS CAST(x AS TIMESTAMP) + to_months(CAST(n AS INTEGER))
add_days(n, x DATE) AS CAST(x + to_days(CAST(n AS INTEGER)) AS DATE), (n, x TIMESTAMP) AS x + to_days(CAST(n AS INTEGER)), (n, x TIMESTAMP_NS) AS snowflake.shift(x, to_days(CAST(n AS INTEGER))), (n, x TIMESTAMPTZ) AS (x AT TIME ZONE 'UTC' + to_days(CAST(n AS INTEGER))) AT TIME ZONE 'UTC', (n, x VARCHAR) AS CAST(x AS TIMESTAMP) + to_days(CAST(n AS INTEGER))
add_microseconds(n, x DATE) AS CAST(x AS TIMESTAMP) + to_microseconds(n), (n, x TIMESTAMP) AS x + to_microseconds(n), (n, x TIMESTAMP_NS) AS snowflake.shift(x, to_microseconds(n)), (n, x TIMESTAMPTZ) AS x + to_microseconds(n), (n, x TIME) AS x + to_microseconds(n), (n, x VARCHAR) AS CAST(x AS TIMESTAMP) + to_microseconds(n)
add_nanoseconds(n, x DATE) AS make_timestamp_ns(epoch_ns(CAST(x AS TIMESTAMP_NS)) + n), (n, x TIMESTAMP) AS make_timestamp_ns(epoch_ns(CAST(x AS TIMESTAMP_NS)) + n), (n, x TIMESTAMP_NS) AS make_timestamp_ns(epoch_ns(x) + n), (n, x TIMESTAMPTZ) AS x + to_microseconds(n // 1000), (n, x TIME) AS x + to_microseconds(n // 1000), (n, x VARCHAR) AS make_timestamp_ns(epoch_ns(CAST(x AS TIMESTAMP_NS)) + n)
month_end_kept(n, x) AS CASE WHEN CAST(x AS DATE) = last_day(CAST(x AS DATE)) THEN last_day(CAST(CAST(x AS DATE) + to_months(CAST(n AS INTEGER)) AS DATE)) ELSE CAST(CAST(x AS DATE) + to_months(CAST(n AS INTEGER)) AS DATE) END
months_added(n, x DATE) AS snowflake.month_end_kept(n, x), (n, x TIMESTAMP) AS snowflake.month_end_kept(n, x) + CAST(x AS TIME), (n, x TIMESTAMP_NS) AS make_timestamp_ns(epoch_ns(x) + 86400000000000 * CAST(date_diff('day', CAST(x AS DATE), snowflake.month_end_kept(n, x)) AS BIGINT)), (n, x VARCHAR) AS snowflake.month_end_kept(n, CAST(x AS DATE))
key_beside(v, x) AS CASE typeof(x) WHEN 'JSON' THEN variant_key(CAST(v AS VARCHAR)) WHEN 'BOOLEAN' THEN '1' || CAST(snowflake.boolean(v) AS VARCHAR) ELSE CASE WHEN typeof(x) LIKE 'DECIMAL%' OR typeof(x) IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'DOUBLE', 'FLOAT', 'UBIGINT', 'UINTEGER') THEN variant_number_key(CAST(v AS VARCHAR)) WHEN typeof(x) = 'DATE' THEN CAST(CAST(variant_text(CAST(v AS VARCHAR), '$') AS DATE) AS VARCHAR) WHEN typeof(x) LIKE 'TIMESTAMP%' THEN CAST(CAST(variant_text(CAST(v AS VARCHAR), '$') AS TIMESTAMP) AS VARCHAR) ELSE variant_text(CAST(v AS VARCHAR), '$') END END
`

// Prelude is the list of DuckDB statements that must have run, in this order, on a database
// before rewritten SQL does: the system schema and the macros that stand for Snowflake
// functions. Running it again is harmless. The macros call the functions of package variant, which must be registered.
func Prelude() []string {
	statements := []string{"CREATE SCHEMA IF NOT EXISTS " + SystemSchema}
	for line := range strings.Lines(strings.TrimSpace(macros)) {
		statements = append(statements, "CREATE OR REPLACE MACRO "+SystemSchema+"."+strings.TrimSpace(line))
	}
	return statements
}
