package catalog

import "github.com/snowstream/snowstream/local/warehouse/dialect"

// systemViews are the views that rewritten SQL reads where the text says INFORMATION_SCHEMA. They cover every database;
// the rewritten SQL adds the condition.
func systemViews() []string {
	of := func(kind string) string { return `FROM "warehouse"."objects" o WHERE o.kind = '` + kind + `'` }
	view := func(name, query string) string { return "CREATE OR REPLACE VIEW " + name + " AS " + query }
	return []string{
		view(dialect.TablesView, `SELECT o.db AS "TABLE_CATALOG", o.sch AS "TABLE_SCHEMA", o.name AS "TABLE_NAME", o.owner AS "TABLE_OWNER",
			CASE o.kind WHEN 'VIEW' THEN 'VIEW' ELSE 'BASE TABLE' END AS "TABLE_TYPE", 'NO' AS "IS_TRANSIENT", NULL::VARCHAR AS "CLUSTERING_KEY",
			t.estimated_size::DECIMAL(38,0) AS "ROW_COUNT", NULL::DECIMAL(38,0) AS "BYTES", 1::DECIMAL(9,0) AS "RETENTION_TIME", o.created AS "CREATED",
			o.created AS "LAST_ALTERED", o.created AS "LAST_DDL", NULL::VARCHAR AS "LAST_DDL_BY", NULL::VARCHAR AS "SELF_REFERENCING_COLUMN_NAME",
			NULL::VARCHAR AS "REFERENCE_GENERATION", NULL::VARCHAR AS "USER_DEFINED_TYPE_CATALOG", NULL::VARCHAR AS "USER_DEFINED_TYPE_SCHEMA",
			NULL::VARCHAR AS "USER_DEFINED_TYPE_NAME", CASE o.kind WHEN 'VIEW' THEN 'NO' ELSE 'YES' END AS "IS_INSERTABLE_INTO", 'YES' AS "IS_TYPED",
			NULL::VARCHAR AS "COMMIT_ACTION", 'NO' AS "AUTO_CLUSTERING_ON", nullif(o.comment, '') AS "COMMENT", 'NO' AS "IS_TEMPORARY", 'NO' AS "IS_ICEBERG",
			'NO' AS "IS_DYNAMIC", 'NO' AS "IS_IMMUTABLE", 'NO' AS "IS_HYBRID"
			FROM "warehouse"."objects" o LEFT JOIN duckdb_tables() t ON t.schema_name = o.db || '.' || o.sch AND t.table_name = o.name
			WHERE o.kind IN ('TABLE', 'VIEW') AND json_extract(o.body, '$.Session') IS NULL`),
		view(dialect.ViewsView, `SELECT o.db AS "TABLE_CATALOG", o.sch AS "TABLE_SCHEMA", o.name AS "TABLE_NAME", o.owner AS "TABLE_OWNER",
			json_extract_string(o.body, '$.Text') AS "VIEW_DEFINITION", 'NONE' AS "CHECK_OPTION", 'NO' AS "IS_UPDATABLE", 'NO' AS "IS_SECURE",
			o.created AS "CREATED", o.created AS "LAST_ALTERED", nullif(o.comment, '') AS "COMMENT" `+of("VIEW")),
		view(dialect.ColumnsView, `SELECT o.db AS "TABLE_CATALOG", o.sch AS "TABLE_SCHEMA", o.name AS "TABLE_NAME", c.name AS "COLUMN_NAME",
			c.ordinal::DECIMAL(9,0) AS "ORDINAL_POSITION", c.default_text AS "COLUMN_DEFAULT", CASE WHEN c.nullable THEN 'YES' ELSE 'NO' END AS "IS_NULLABLE",
			CASE c.base WHEN 'VARCHAR' THEN 'TEXT' ELSE c.base END AS "DATA_TYPE", CASE WHEN c.base = 'VARCHAR' THEN c.length END::DECIMAL(9,0) AS "CHARACTER_MAXIMUM_LENGTH",
			CASE WHEN c.base = 'VARCHAR' THEN least(c.length * 4, 16777216) WHEN c.base = 'BINARY' THEN c.length END::DECIMAL(9,0) AS "CHARACTER_OCTET_LENGTH",
			CASE WHEN c.base = 'NUMBER' THEN c."precision" END::DECIMAL(9,0) AS "NUMERIC_PRECISION", CASE WHEN c.base = 'NUMBER' THEN 10 END::DECIMAL(9,0) AS "NUMERIC_PRECISION_RADIX",
			CASE WHEN c.base = 'NUMBER' THEN c.scale END::DECIMAL(9,0) AS "NUMERIC_SCALE",
			CASE WHEN c.base LIKE 'TIME%' THEN c.scale END::DECIMAL(9,0) AS "DATETIME_PRECISION",
			NULL::VARCHAR AS "INTERVAL_TYPE", NULL::VARCHAR AS "INTERVAL_PRECISION", NULL::VARCHAR AS "CHARACTER_SET_CATALOG", NULL::VARCHAR AS "CHARACTER_SET_SCHEMA",
			NULL::VARCHAR AS "CHARACTER_SET_NAME", NULL::VARCHAR AS "COLLATION_CATALOG", NULL::VARCHAR AS "COLLATION_SCHEMA", NULL::VARCHAR AS "COLLATION_NAME",
			NULL::VARCHAR AS "DOMAIN_CATALOG", NULL::VARCHAR AS "DOMAIN_SCHEMA", NULL::VARCHAR AS "DOMAIN_NAME", NULL::VARCHAR AS "UDT_CATALOG",
			NULL::VARCHAR AS "UDT_SCHEMA", NULL::VARCHAR AS "UDT_NAME", NULL::VARCHAR AS "SCOPE_CATALOG", NULL::VARCHAR AS "SCOPE_SCHEMA", NULL::VARCHAR AS "SCOPE_NAME",
			NULL::DECIMAL(9,0) AS "MAXIMUM_CARDINALITY", NULL::VARCHAR AS "DTD_IDENTIFIER", 'NO' AS "IS_SELF_REFERENCING", 'NO' AS "IS_IDENTITY",
			NULL::VARCHAR AS "IDENTITY_GENERATION", NULL::VARCHAR AS "IDENTITY_START", NULL::VARCHAR AS "IDENTITY_INCREMENT", NULL::VARCHAR AS "IDENTITY_MAXIMUM",
			NULL::VARCHAR AS "IDENTITY_MINIMUM", NULL::VARCHAR AS "IDENTITY_CYCLE", NULL::VARCHAR AS "IDENTITY_ORDERED", NULL::VARCHAR AS "SCHEMA_EVOLUTION_RECORD",
			c.comment AS "COMMENT", json_extract_string(o.body, '$.Columns[' || (c.ordinal - 1) || '].Type.Alias') AS "DATA_TYPE_ALIAS"
			FROM "warehouse"."objects" o JOIN "warehouse"."columns" c ON c.object_id = o.id WHERE json_extract(o.body, '$.Session') IS NULL`),
		view(dialect.SchemataView, `SELECT o.db AS "CATALOG_NAME", o.sch AS "SCHEMA_NAME", o.owner AS "SCHEMA_OWNER", 'NO' AS "IS_TRANSIENT",
			o.created AS "CREATED", o.created AS "LAST_ALTERED", nullif(o.comment, '') AS "COMMENT" `+of("SCHEMA")),
		view(dialect.DatabasesView, `SELECT o.db AS "DATABASE_NAME", o.owner AS "DATABASE_OWNER", 'NO' AS "IS_TRANSIENT", nullif(o.comment, '') AS "COMMENT",
			o.created AS "CREATED", o.created AS "LAST_ALTERED", 1::DECIMAL(9,0) AS "RETENTION_TIME" `+of("DATABASE")),
		view(dialect.StagesView, `SELECT o.db AS "STAGE_CATALOG", o.sch AS "STAGE_SCHEMA", o.name AS "STAGE_NAME", json_extract_string(o.body, '$.URL') AS "STAGE_URL",
			CASE WHEN json_extract_string(o.body, '$.URL') IS NULL THEN 'Internal Named' ELSE 'External Named' END AS "STAGE_TYPE", o.owner AS "STAGE_OWNER", o.created AS "CREATED", o.created AS "LAST_ALTERED", nullif(o.comment, '') AS "COMMENT" `+of("STAGE")),
		view(dialect.PipesView, `SELECT o.db AS "PIPE_CATALOG", o.sch AS "PIPE_SCHEMA", o.name AS "PIPE_NAME", o.owner AS "PIPE_OWNER",
			json_extract_string(o.body, '$.Text') AS "DEFINITION", CASE WHEN json_extract(o.body, '$.AutoIngest') = 'true' THEN 'YES' ELSE 'NO' END AS "IS_AUTOINGEST_ENABLED",
			o.created AS "CREATED", o.created AS "LAST_ALTERED", nullif(o.comment, '') AS "COMMENT" `+of("PIPE")),
		view(dialect.FileFormatsView, `SELECT o.db AS "FILE_FORMAT_CATALOG", o.sch AS "FILE_FORMAT_SCHEMA", o.name AS "FILE_FORMAT_NAME", o.owner AS "FILE_FORMAT_OWNER",
			o.created AS "CREATED", o.created AS "LAST_ALTERED", nullif(o.comment, '') AS "COMMENT" `+of("FILE FORMAT")),
		view(dialect.LoadHistoryView, `SELECT h.table_db AS "CATALOG_NAME", h.table_sch AS "SCHEMA_NAME", h.place || h.file AS "FILE_NAME", h.table_name AS "TABLE_NAME",
			h.loaded AS "LAST_LOAD_TIME", upper(replace(h.status, ' ', '_')) AS "STATUS", h.row_count::DECIMAL(38,0) AS "ROW_COUNT", h.row_parsed::DECIMAL(38,0) AS "ROW_PARSED",
			h.error_message AS "FIRST_ERROR_MESSAGE", h.error_line::DECIMAL(38,0) AS "FIRST_ERROR_LINE_NUMBER", h.error_character::DECIMAL(38,0) AS "FIRST_ERROR_CHARACTER_POSITION",
			h.error_column AS "FIRST_ERROR_COL_NAME", h.error_count::DECIMAL(38,0) AS "ERROR_COUNT", h.error_limit::DECIMAL(38,0) AS "ERROR_LIMIT"
			FROM "warehouse"."history" h WHERE h.pipe_id = 0`),
		view(dialect.CopyHistoryView, `SELECT h.file AS "FILE_NAME", h.place AS "STAGE_LOCATION", h.loaded AS "LAST_LOAD_TIME", h.row_count::DECIMAL(38,0) AS "ROW_COUNT",
			h.row_parsed::DECIMAL(38,0) AS "ROW_PARSED", h.file_size::DECIMAL(38,0) AS "FILE_SIZE", h.error_message AS "FIRST_ERROR_MESSAGE",
			h.error_line::DECIMAL(38,0) AS "FIRST_ERROR_LINE_NUMBER", h.error_character::DECIMAL(38,0) AS "FIRST_ERROR_CHARACTER_POS", h.error_column AS "FIRST_ERROR_COLUMN_NAME",
			h.error_count::DECIMAL(38,0) AS "ERROR_COUNT", h.error_limit::DECIMAL(38,0) AS "ERROR_LIMIT", h.status AS "STATUS", h.table_db AS "TABLE_CATALOG_NAME",
			h.table_sch AS "TABLE_SCHEMA_NAME", h.table_name AS "TABLE_NAME", nullif(h.pipe_db, '') AS "PIPE_CATALOG_NAME", nullif(h.pipe_sch, '') AS "PIPE_SCHEMA_NAME",
			nullif(h.pipe_name, '') AS "PIPE_NAME", h.received AS "PIPE_RECEIVED_TIME" FROM "warehouse"."history" h`),
	}
}
