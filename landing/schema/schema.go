// Package schema is the landing zone as SQL text: tables, file format, storage integration, stage, pipe, and the one
// statement that writes the streaming table. It is pure; who sends the text is not its business.
//
// Every statement may be run again: nothing is replaced. CREATE OR REPLACE PIPE above all would forget which files
// were loaded, and load them a second time.
package schema

import (
	"fmt"
	"strings"
	"time"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Names are the objects in Snowflake. Each is used as it stands, quoted, so it is case-sensitive; Defaults has the
// names of the sensor example.
type Names struct {
	Database string `json:"database"`
	Schema   string `json:"schema"`
	// Streaming and Microbatch are the tables.
	Streaming  string `json:"streaming_table"`
	Microbatch string `json:"microbatch_table"`
	// Format, Stage and Pipe lie in the schema; Integration in the account.
	Format      string `json:"file_format"`
	Stage       string `json:"stage"`
	Pipe        string `json:"pipe"`
	Integration string `json:"integration"`
}

// Defaults are the names of the sensor example.
func Defaults() Names {
	return Names{
		Database: "SNOWSTREAM", Schema: "LANDING",
		Streaming: "KINESIS_SENSORS_STREAMING", Microbatch: "KINESIS_SENSORS_MICROBATCH",
		Format: "SNOWSTREAM_CSV", Stage: "SNOWSTREAM_STAGE", Pipe: "SNOWSTREAM_PIPE", Integration: "SNOWSTREAM_S3",
	}
}

// Quote writes an identifier so that it means exactly itself.
func Quote(identifier string) string {
	return `"` + strings.ReplaceAll(identifier, `"`, `""`) + `"`
}

// Generation is a row's generation in SQL; rows from before there were any have the empty one.
const Generation = `COALESCE("_GENERATION", '')`

// Literal writes a string so that it means exactly itself: in Snowflake a backslash escapes, too.
func Literal(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}

// In is the full name of an object of the schema.
func (n Names) In(object string) string {
	return Quote(n.Database) + "." + Quote(n.Schema) + "." + Quote(object)
}

// Tables creates the database, the schema, both tables and the file format.
func Tables(n Names, s record.Schema) []string {
	return []string{
		"CREATE DATABASE IF NOT EXISTS " + Quote(n.Database),
		"CREATE SCHEMA IF NOT EXISTS " + Quote(n.Database) + "." + Quote(n.Schema),
		table(n.In(n.Streaming), s),
		table(n.In(n.Microbatch), s),
		format(n),
	}
}

// table is the DDL of either table. NOT NULL is the only constraint that Snowflake enforces; what is unique is said for
// people and for query planners. It is no primary key, because those take no NULL, which is the oldest generation.
func table(name string, s record.Schema) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s (\n", name)
	for _, c := range s.TableColumns() {
		fmt.Fprintf(&b, "  %s %s", Quote(c.Name), Type(c))
		if c.Required {
			b.WriteString(" NOT NULL")
		}
		b.WriteString(",\n")
	}
	b.WriteString("  UNIQUE (\"_GENERATION\", \"_SHARD\", \"_ORDINAL\")\n)")
	return b.String()
}

// Type is a column's type in both tables.
func Type(c record.Column) string {
	switch c.Type {
	case record.Integer:
		return "NUMBER(38,0)"
	case record.Number:
		return fmt.Sprintf("NUMBER(%d,%d)", c.Precision, c.Scale)
	case record.Boolean:
		return "BOOLEAN"
	case record.Timestamp:
		if c.Micros {
			return "TIMESTAMP_NTZ(6)"
		}
		return "TIMESTAMP_NTZ(9)"
	case record.Variant:
		return "VARIANT"
	case record.Date:
		return "DATE"
	case record.Time:
		return "TIME(6)"
	case record.Float:
		return "FLOAT"
	case record.String:
		return "VARCHAR"
	}
	panic("schema: no SQL type for " + c.Type.String()) // a test goes through record.Types
}

// format reads back exactly what record's CSV says: nothing is NULL, "" is the empty string, \N is two characters.
// The header is read by name, so a new column changes the tables and neither format nor pipe; an object from before
// the change then has fewer columns than the table, which must not count as an error. COMPRESSION is not given and so AUTO:
// objects may be compressed, each as its name says.
func format(n Names) string {
	return "CREATE FILE FORMAT IF NOT EXISTS " + n.In(n.Format) + " TYPE = CSV " + formatOptions
}

// SetFormat brings a file format that was changed back.
func SetFormat(n Names) string {
	return "ALTER FILE FORMAT " + n.In(n.Format) + " SET FIELD_DELIMITER = ',' COMPRESSION = AUTO " + formatOptions
}

const formatOptions = `PARSE_HEADER = TRUE
  FIELD_OPTIONALLY_ENCLOSED_BY = '"' ESCAPE = NONE ESCAPE_UNENCLOSED_FIELD = NONE
  NULL_IF = () EMPTY_FIELD_AS_NULL = TRUE ERROR_ON_COLUMN_COUNT_MISMATCH = FALSE ENCODING = 'UTF8'`

// Integration lets Snowflake take on a role in the AWS account. The role need not exist yet: its trust policy needs
// what DESC INTEGRATION answers.
func Integration(n Names, bucket, roleARN string) string {
	return IntegrationFor(n, bucket, roleARN, "")
}

// IntegrationFor is Integration with an external id of our choice: it stays the same if the integration ever has to be
// made again, and so does the role's trust. "" lets Snowflake mint one.
func IntegrationFor(n Names, bucket, roleARN, externalID string) string {
	text := fmt.Sprintf(`CREATE STORAGE INTEGRATION IF NOT EXISTS %s TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE
  STORAGE_AWS_ROLE_ARN = %s STORAGE_ALLOWED_LOCATIONS = (%s)`, Quote(n.Integration), Literal(roleARN), Literal(StageURL(bucket)))
	if externalID != "" {
		text += " STORAGE_AWS_EXTERNAL_ID = " + Literal(externalID)
	}
	return text
}

// Stage and Pipe are created once the integration works.
func Stage(n Names, bucket string) string {
	return fmt.Sprintf(`CREATE STAGE IF NOT EXISTS %s URL = %s STORAGE_INTEGRATION = %s
  FILE_FORMAT = (FORMAT_NAME = %s)`, n.In(n.Stage), Literal(StageURL(bucket)), Quote(n.Integration), Literal(n.In(n.Format)))
}

// SetStage brings a stage that was changed back.
func SetStage(n Names, bucket string) string {
	return fmt.Sprintf("ALTER STAGE %s SET URL = %s STORAGE_INTEGRATION = %s", n.In(n.Stage), Literal(StageURL(bucket)), Quote(n.Integration))
}

// Pipe loads what lands in the stage into the micro-batch table. A row that the table does not take is left out alone, as
// SnowflakeUpsert leaves it out of the streaming table; by default the whole file would be.
func Pipe(n Names) string {
	return fmt.Sprintf(`CREATE PIPE IF NOT EXISTS %s AUTO_INGEST = TRUE AS
  COPY INTO %s FROM @%s MATCH_BY_COLUMN_NAME = CASE_SENSITIVE ON_ERROR = CONTINUE`, n.In(n.Pipe), n.In(n.Microbatch), n.In(n.Stage))
}

// refreshReach is how far back a REFRESH looks.
const refreshReach = 7 * 24 * time.Hour

// Refresh has the pipe look for objects that it was never told of, from since on or the last seven days, whichever is
// shorter. Objects from before since may have been loaded by a pipe that is no more.
func Refresh(n Names, since, now time.Time) string {
	if oldest := now.Add(-refreshReach + time.Minute); since.Before(oldest) {
		since = oldest
	}
	return "ALTER PIPE " + n.In(n.Pipe) + " REFRESH MODIFIED_AFTER = " + Literal(since.UTC().Format(time.RFC3339))
}

// Validate asks Snowflake to list the raw zone in the integration's role; the answer is JSON with a status.
func Validate(n Names, bucket string) string {
	return fmt.Sprintf("SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION(%s, %s, 'probe.txt', 'list')", Literal(n.Integration), Literal(StageURL(bucket)))
}

// DescribeIntegration answers among others STORAGE_AWS_IAM_USER_ARN, STORAGE_AWS_EXTERNAL_ID and STORAGE_AWS_ROLE_ARN.
func DescribeIntegration(n Names) string { return "DESC INTEGRATION " + Quote(n.Integration) }

// StageURL is the raw zone as a stage has it. It ends in a slash: without it the stage would also see other prefixes that begin alike.
func StageURL(bucket string) string { return "s3://" + bucket + "/" + rawzone.Rows }

// Merge is the statement that brings rows into the streaming table: three binds, the rows as Rows takes them and the
// lowest and the highest ordinal among them.
//
// Rows that are there already are left alone, so it may be repeated. The two ordinals let Snowflake skip the
// micro-partitions that hold only older rows, and those of other shards: an ordinal tells its shard.
func Merge(n Names, s record.Schema) string {
	var names, values []string
	for _, c := range s.TableColumns() {
		names = append(names, Quote(c.Name))
		values = append(values, "s."+Quote(c.Name))
	}
	return fmt.Sprintf(`MERGE INTO %s AS t USING (
%s
) AS s ON t."_SHARD" = s."_SHARD" AND t."_ORDINAL" = s."_ORDINAL" AND t."_GENERATION" IS NOT DISTINCT FROM s."_GENERATION" AND t."_ORDINAL" BETWEEN ? AND ?
WHEN NOT MATCHED THEN INSERT (%s)
  VALUES (%s)`, n.In(n.Streaming), Rows(s), strings.Join(names, ", "), strings.Join(values, ", "))
}

// Standing asks what stands in the streaming table under the identities of rows, with the binds of Merge: each row that does not
// stand there as it is, with its ordinal, the position of what is there instead, and what that is. Rows of other records come
// first, then those that are not there, then those with other values: lineage apart, because plain content has none that lasts.
func Standing(n Names, s record.Schema) string {
	differs := []string{`t."_ORDINAL" IS NULL`, `t."_SEQUENCE" <> s."_SEQUENCE"`, `t."_SUBSEQUENCE" <> s."_SUBSEQUENCE"`}
	columns := s.TableColumns()
	for _, c := range columns[:len(columns)-len(record.Lineage())] {
		differs = append(differs, "t."+Quote(c.Name)+" IS DISTINCT FROM s."+Quote(c.Name))
	}
	return fmt.Sprintf(`SELECT s."_ORDINAL", t."_SEQUENCE", t."_SUBSEQUENCE", CASE WHEN t."_ORDINAL" IS NULL THEN '%s'
  WHEN t."_SEQUENCE" = s."_SEQUENCE" AND t."_SUBSEQUENCE" = s."_SUBSEQUENCE" THEN '%s' ELSE '%s' END AS "FOUND"
FROM (
%s
) AS s LEFT JOIN %s AS t ON t."_SHARD" = s."_SHARD" AND t."_ORDINAL" = s."_ORDINAL" AND t."_GENERATION" IS NOT DISTINCT FROM s."_GENERATION" AND t."_ORDINAL" BETWEEN ? AND ?
WHERE %s
ORDER BY 4 DESC, 1 LIMIT 100`, FoundNone, FoundChanged, FoundOther, Rows(s), n.In(n.Streaming), strings.Join(differs, " OR "))
}

// What Standing finds, in the reverse of its order.
const (
	FoundChanged = "changed"
	FoundNone    = "none"
	FoundOther   = "other"
)

// Occupied asks whether the streaming table has rows under ordinals that must have none: three binds, the shard, the generation,
// which is empty for rows that have none, and the ordinals as a JSON array.
func Occupied(n Names) string {
	return `SELECT "_ORDINAL", "_SEQUENCE", "_SUBSEQUENCE" FROM ` + n.In(n.Streaming) + `
WHERE "_SHARD" = ? AND COALESCE("_GENERATION", '') = ? AND "_ORDINAL" IN (SELECT f.value::NUMBER(38,0) FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f)
ORDER BY 1 LIMIT 1`
}

// Highest asks the streaming table for the highest ordinal of a chain: two binds, the shard and the generation, which is empty
// for rows that have none.
func Highest(n Names) string {
	return `SELECT MAX("_ORDINAL") FROM ` + n.In(n.Streaming) + ` WHERE "_SHARD" = ? AND ` + Generation + ` = ?`
}

// Rows is the query that makes rows of the tables from one bind: a JSON array of arrays of strings and nulls in the
// order of the schema's table columns.
//
// All values travel as text in one bind: a number of 38 digits stays exact, and the statement's text is the same for
// each batch. The QUALIFY drops a row that comes twice, which MERGE would refuse.
func Rows(s record.Schema) string {
	return Cells(s) + `
  QUALIFY ROW_NUMBER() OVER (PARTITION BY "_GENERATION", "_SHARD", "_ORDINAL" ORDER BY 1) = 1`
}

// Cells is Rows with rows that come twice.
func Cells(s record.Schema) string {
	var source []string
	for i, c := range s.TableColumns() {
		source = append(source, fmt.Sprintf("    %s AS %s", cast(c, fmt.Sprintf("f.value[%d]::STRING", i)), Quote(c.Name)))
	}
	return fmt.Sprintf(`  SELECT
%s
  FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f`, strings.Join(source, ",\n"))
}

// ColumnList names the tables' columns, in the order of Rows.
func ColumnList(s record.Schema) string {
	var names []string
	for _, c := range s.TableColumns() {
		names = append(names, Quote(c.Name))
	}
	return strings.Join(names, ", ")
}

// Texts are the columns of a table as texts, which Rows takes back without a difference. A timestamp is written by a format
// of its own, because that of a cast depends on the session.
func Texts(s record.Schema, table string) (out []string) {
	for _, c := range s.TableColumns() {
		out = append(out, Text(c, table+"."+Quote(c.Name)))
	}
	return out
}

// Text is one value of a column as text. That of a float may leave out its last digits.
func Text(c record.Column, value string) string {
	switch c.Type {
	case record.String:
		return value
	case record.Variant:
		return "TO_JSON(" + value + ")"
	case record.Timestamp:
		return "TO_VARCHAR(" + value + ", 'YYYY-MM-DD HH24:MI:SS.FF9')"
	case record.Date:
		return "TO_VARCHAR(" + value + ", 'YYYY-MM-DD')"
	case record.Time:
		return "TO_VARCHAR(" + value + ", 'HH24:MI:SS.FF6')"
	}
	return value + "::VARCHAR"
}

func cast(c record.Column, text string) string {
	switch c.Type {
	case record.String:
		return text
	case record.Variant:
		return "PARSE_JSON(" + text + ")"
	}
	return text + "::" + Type(c)
}
