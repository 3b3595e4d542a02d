package dialect

// Env is the session that a statement is read in. It completes partial names and
// gives the values of the context functions and of session variables.
type Env struct {
	// Database and Schema complete names of one or two parts. Both are folded
	// already (as stored in the catalog) and may be empty.
	Database, Schema string
	// User, Role, Warehouse, Account, Session, Version and Region answer CURRENT_USER()
	// and its like. An empty one reads as NULL.
	User, Role, Warehouse, Account, Session, Version, Region string
	// Variables are the values of SET, by folded name, as SQL literals of this
	// dialect: 'text', 42, TRUE. A $name that is absent is an error.
	Variables map[string]string
	// SessionID is the session's number, and Temporary the names, with Session 0, of the temporary tables that it has.
	SessionID int64
	Temporary map[Name]bool
	// LastQuery is the id of the statement before this one; "" where it is not asked for.
	LastQuery string
	// Binds are the texts of the client's binds where they may stand for a name, a place or an option; nil elsewhere.
	Binds []string
}

// Statement is one statement, read and checked: one of the struct pointers below.
type Statement interface{ statement() }

// Query is a statement that answers rows: SELECT, WITH, VALUES or a set operation.
type Query struct {
	// SQL is text for DuckDB. Its parameters are $1 .. $n with n = len(Binds).
	//
	// A variant is a column of DuckDB's type JSON. Read it through CAST(… AS VARCHAR): the driver
	// would decode it and round its numbers.
	SQL string
	// Binds gives the 1-based number of the client's bind for each $k: $k takes
	// bind Binds[k-1]. A bind that occurs twice has one parameter.
	Binds []int
	// Reads are the tables and views named in the text, without repeats. CTEs,
	// table functions and the views of package-level constants are not among them.
	Reads []Name
	// Columns are the names of the answer's columns when the text alone tells
	// them; nil if a star is involved. DuckDB's answer has the same names.
	Columns []string
	// Sources are what the text reads from temporary tables that are to be made first.
	Sources []Source
	// Result is the id of the one earlier answer that the query asks for as it was; "" if it asks for anything else.
	Result string
}

// Source is rows from outside of the database: of a stage's files, of their columns, or of an earlier answer.
type Source struct {
	// Table is the name of the temporary table in DuckDB, unquoted. Its columns are "$1", "$2", … and METADATA$ ones for files,
	// those of INFER_SCHEMA, or those of the answer.
	Table string
	// Files is for a stage: where the files are, their format, and in Select which columns are asked for.
	Files *Copy
	// Infer asks for the columns of Files instead of their rows.
	Infer bool
	// Result is the id of the statement whose answer is meant.
	Result string
}

// SystemFunction is a SELECT whose only item is a SYSTEM$ function of literals,
// without FROM. The answer has one row and one column called Column.
type SystemFunction struct {
	// Name is folded, for example SYSTEM$PIPE_STATUS.
	Name string
	// Args are the texts of the literals; a bind is given in Binds instead.
	Args []string
	// Binds has an entry for each argument: 0, or the number of the bind that
	// gives this argument.
	Binds []int
	// Column is the name of the answer's column.
	Column string
}

// Change is what the statements that change rows have in common.
type Change struct {
	// SQL and Binds are as in Query.
	SQL   string
	Binds []int
	// Target is the table that is changed; Reads has it only if the text also reads it.
	Target Name
	Reads  []Name
	// Sources are as in Query.
	Sources []Source
	// Columns are the columns that the text names as changed, nil when it names none.
	Columns []string
}

// Insert is INSERT INTO. Columns are the named columns, nil when none are named.
type Insert struct {
	Change
	// Overwrite says that the table is emptied first, in the same transaction.
	Overwrite bool
	// Rows is the number of rows of a VALUES list, 0 for INSERT … SELECT.
	Rows int
}

// Update is UPDATE. Columns are the assigned columns.
type Update struct {
	Change
	// DuplicateCheck answers how many target rows join more than one row of the
	// FROM clause, and how many rows more; nil without FROM. Snowflake permits it by default.
	DuplicateCheck *Query
}

// Delete is DELETE FROM.
type Delete struct{ Change }

// Truncate is TRUNCATE [TABLE] [IF EXISTS]. SQL is a DELETE without condition.
type Truncate struct {
	Change
	IfExists bool
}

// Merge is MERGE INTO. Its SQL ends with RETURNING merge_action: DuckDB answers one
// row for each changed row, 'INSERT', 'UPDATE' or 'DELETE'.
type Merge struct {
	Change
	// DuplicateCheck answers one number: how many target rows several source rows
	// would update (or update and delete). Above 0 Snowflake fails with 100090.
	// nil when no clause can do that.
	DuplicateCheck *Query
	// Inserts, Updates and Deletes say which counts the answer has, in this order.
	Inserts, Updates, Deletes bool
	// Staged is a faster way to do the same, nil where there is none.
	Staged *Staged
}

// Column is one column of a table definition.
type Column struct {
	Name       string
	Type       Type
	NotNull    bool
	PrimaryKey bool   // recorded, never enforced, as in Snowflake
	Unique     bool   // recorded, never enforced
	Default    string // text as written, "" if none
	DefaultSQL string // the same for DuckDB
	Comment    string
}

// Type is a column's type in both languages.
type Type struct {
	// Name is the canonical Snowflake type with its sizes: NUMBER(38,0), VARCHAR(16777216),
	// TIMESTAMP_NTZ(9), FLOAT, BOOLEAN, DATE, TIME(9), VARIANT, BINARY(8388608).
	Name string
	// Base is the name without sizes; Alias is the one that the text has, such as BIGINT, empty where no text names the type.
	Base  string
	Alias string `json:",omitempty"`
	// Precision and Scale belong to NUMBER; Scale also to TIME and TIMESTAMP types.
	Precision, Scale int
	// Length belongs to VARCHAR (characters) and BINARY (bytes).
	Length int
	// DuckDB is the type to declare there: DECIMAL(38,0), VARCHAR, TIMESTAMP,
	// TIMESTAMPTZ, DOUBLE, JSON, BLOB, …
	DuckDB string
}

// CreateTable is CREATE TABLE in all its forms; exactly one of Columns, As, Like and
// Clone is the source (As may come with Columns, which then name and type its items).
type CreateTable struct {
	Name                   Name
	OrReplace, IfNotExists bool
	Temporary, Transient   bool
	Columns                []Column
	As                     *Query
	Like, Clone            *Name
	ClusterBy              []string // expressions as written; recorded only
	Comment                string
	Options                Options // other recorded properties
	// SQL creates the table in DuckDB as plain CREATE TABLE: OR REPLACE, IF NOT EXISTS and the
	// transaction are the server's. Its binds and reads are those of As. It is empty for
	// Clone (the server copies the rows) and for Like.
	SQL string
}

// CreateDatabase is CREATE DATABASE.
type CreateDatabase struct {
	Name                   string
	OrReplace, IfNotExists bool
	Comment                string
	Options                Options
}

// CreateSchema is CREATE SCHEMA. Name.Object is empty.
type CreateSchema struct {
	Name                   Name
	OrReplace, IfNotExists bool
	Comment                string
	Options                Options
}

// CreateView is CREATE VIEW. SQL creates it in DuckDB.
type CreateView struct {
	Name                   Name
	OrReplace, IfNotExists bool
	Columns                []string
	Comments               []string // of Columns, in their order
	Query                  *Query
	Text                   string // the whole statement as written
	Comment                string
	SQL                    string
}

// CreateFileFormat is CREATE FILE FORMAT.
type CreateFileFormat struct {
	Name                   Name
	OrReplace, IfNotExists bool
	Temporary              bool
	Format                 Options // TYPE and the format's options
	Comment                string
}

// CreateStage is CREATE STAGE. URL is empty for an internal stage.
type CreateStage struct {
	Name                   Name
	OrReplace, IfNotExists bool
	Temporary              bool
	URL                    string
	Integration            string  // folded name, "" if none
	Format                 Options // FILE_FORMAT, in brackets or as a bare name
	FormatName             *Name   // the named format, completed; nil if none is named
	Comment                string
	Options                Options // the others, recorded
}

// CreateIntegration is CREATE [STORAGE] INTEGRATION.
type CreateIntegration struct {
	Name                   string
	Kind                   string // STORAGE
	OrReplace, IfNotExists bool
	Comment                string
	Options                Options // TYPE, STORAGE_PROVIDER, STORAGE_AWS_ROLE_ARN, STORAGE_ALLOWED_LOCATIONS, …
}

// CreatePipe is CREATE PIPE … AS COPY INTO ….
type CreatePipe struct {
	Name                   Name
	OrReplace, IfNotExists bool
	AutoIngest             bool
	Copy                   *Copy
	Definition             string // the COPY statement as written
	Comment                string
	Options                Options // ERROR_INTEGRATION, AWS_SNS_TOPIC, INTEGRATION
}

// AlterPipe is ALTER PIPE: exactly one of Refresh, Paused and Comment is set.
type AlterPipe struct {
	Name     Name
	IfExists bool
	Refresh  *Refresh
	Paused   *bool // SET PIPE_EXECUTION_PAUSED
	Comment  *string
}

// Refresh is the REFRESH of ALTER PIPE.
type Refresh struct {
	Prefix        string // under the pipe's path, "" for all
	ModifiedAfter string // ISO 8601 as written, "" for the last 7 days
}

// AlterTable is one change of a table's (or view's) definition.
type AlterTable struct {
	Name     Name
	IfExists bool
	View     bool // ALTER VIEW
	// Exactly one of these is set.
	AddColumns     []Column
	DropColumns    []string
	RenameTo       *Name
	RenameColumn   *RenameColumn
	AlterColumn    *AlterColumn
	Set            Options // SET name = value …; also COMMENT
	Unset          []string
	ClusterBy      []string
	AddIfNotExists bool // ADD COLUMN IF NOT EXISTS
	DropIfExists   bool // DROP COLUMN IF EXISTS
	// SQL are the DuckDB statements that do it, none for a recorded change. RENAME into
	// another schema has none either and is the server's to refuse.
	SQL []string
}

// RenameColumn is RENAME COLUMN From TO To.
type RenameColumn struct{ From, To string }

// AlterColumn is ALTER [COLUMN] c ….
type AlterColumn struct {
	Name        string
	Type        *Type   // SET DATA TYPE
	NotNull     *bool   // SET / DROP NOT NULL
	DropDefault bool    // DROP DEFAULT
	Comment     *string // COMMENT
}

// AlterObject is ALTER of a stage, file format, integration, database or schema.
type AlterObject struct {
	Kind     string // STAGE, FILE FORMAT, INTEGRATION, DATABASE, SCHEMA
	Name     Name   // integrations and databases: only Object, or only Database
	IfExists bool
	RenameTo *Name
	Set      Options
	Unset    []string
}

// AlterSession is ALTER SESSION SET/UNSET.
type AlterSession struct {
	Set   Options
	Unset []string
}

// AccountStatement is a statement about an account object or a right that this
// dialect only records: CREATE/ALTER/DROP of WAREHOUSE, ROLE, USER, NETWORK POLICY and
// RESOURCE MONITOR, GRANT, REVOKE, COMMENT ON.
type AccountStatement struct {
	Verb                   string // CREATE, ALTER, GRANT, REVOKE, COMMENT
	Kind                   string // WAREHOUSE, ROLE, USER, …; of GRANT and REVOKE the kind of the object, ROLE for a role grant
	Name                   Name   // Object alone, or completed when the kind lives in a schema
	OrReplace, IfNotExists bool
	IfExists               bool
	Options                Options // CREATE and ALTER … SET
	Unset                  []string
	Action                 string   // ALTER: SET, UNSET, SUSPEND, RESUME, RENAME, ABORT
	Privileges             []string // GRANT and REVOKE: folded, "CREATE TABLE"
	GranteeKind, Grantee   string   // ROLE or USER, and its name
	Comment                string
}

// Drop is DROP.
type Drop struct {
	Kind     string // TABLE, VIEW, SCHEMA, DATABASE, STAGE, PIPE, FILE FORMAT, INTEGRATION, WAREHOUSE, ROLE, USER
	Name     Name   // account objects: Object alone; DATABASE: Database alone; SCHEMA: no Object
	IfExists bool
	Cascade  bool
}

// Describe is DESC or DESCRIBE.
type Describe struct {
	Kind string // TABLE, VIEW, STAGE, PIPE, FILE FORMAT, INTEGRATION, USER, SCHEMA, DATABASE, WAREHOUSE
	Name Name
}

// Show is SHOW.
type Show struct {
	Kind       string // plural: TABLES, PIPES, FILE FORMATS, STAGES, GRANTS, …
	Terse      bool
	History    bool
	Like       string // pattern with % and _, matched without regard to case; "" for none
	HasLike    bool
	InKind     string // "", ACCOUNT, DATABASE, SCHEMA, TABLE
	In         Name   // DATABASE: Database alone; SCHEMA: no Object
	StartsWith string
	Limit      int // 0 for none
	From       string
	// OnKind, On, GranteeKind and Grantee belong to SHOW GRANTS.
	OnKind, GranteeKind, Grantee string
	On                           Name
	Members                      bool // SHOW GRANTS OF ROLE: who has the role
}

// Use is USE.
type Use struct {
	Kind string // DATABASE, SCHEMA, WAREHOUSE, ROLE, SECONDARY ROLES
	Name Name   // DATABASE: Database alone; SCHEMA: no Object; others: Object alone
}

// Set is SET name = expression. Query answers one row with one column a variable.
type Set struct {
	Names []string
	Query *Query
}

// Unset is UNSET name.
type Unset struct{ Names []string }

// Begin, Commit and Rollback control a transaction.
type (
	Begin    struct{ Name string }
	Commit   struct{}
	Rollback struct{}
)

// Stage is a place in a stage: @db.schema.name/path, @%table/path or @~/path.
type Stage struct {
	Kind string // NAMED, TABLE, USER
	Name Name   // of the stage, or of the table
	Path string // without a leading slash, as written
}

// Copy is COPY INTO table FROM a stage, or in a pipe FROM a streaming source.
type Copy struct {
	Target    Name
	Columns   []string // nil when none are named
	Stage     Stage
	Streaming bool        // FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')): there is no stage
	Select    *CopySelect // nil without a transformation
	Files     []string    // FILES = (…)
	Pattern   string      // PATTERN, a regular expression over the path
	Format    Options     // FILE_FORMAT; FORMAT_NAME inside is a resolved name in text (see FormatName)
	// FormatName is the named format, completed; nil if none is named.
	FormatName        *Name
	MatchByColumnName string           // "", CASE_SENSITIVE, CASE_INSENSITIVE
	IncludeMetadata   []MetadataColumn // INCLUDE_METADATA = (column = METADATA$…)
	OnError           string           // "", ABORT_STATEMENT, CONTINUE, SKIP_FILE, SKIP_FILE_10, SKIP_FILE_10%
	ValidationMode    string           // "", RETURN_ERRORS, RETURN_ALL_ERRORS, RETURN_n_ROWS
	Force, Purge      bool
	TruncateColumns   bool // also ENFORCE_LENGTH = FALSE
	ReturnFailedOnly  bool
	SizeLimit         int64 // bytes, 0 for none
	Text              string
}

// MetadataColumn fills a column of the table from a file's metadata.
type MetadataColumn struct{ Column, Metadata string }

// CopySelect is the SELECT of a COPY: expressions over a file's fields.
type CopySelect struct {
	// Items is a list of DuckDB expressions over the columns "$1", "$2", … (VARCHAR for
	// CSV, JSON for JSON) and "METADATA$FILENAME" and its like, ready to stand after
	// SELECT in: INSERT INTO target (columns) SELECT <Items> FROM <fields of one file> AS "$FILE".
	Items string
	// Count is the number of items.
	Count int
	// Each are the items one by one, and Variants tells which of them are variants; see CastVariant.
	Each     []string
	Variants []bool
	// Fields is the highest n of $n in use.
	Fields int
	// Metadata are the METADATA$ columns in use.
	Metadata []string
	// Where is a DuckDB condition over the same columns, "" for none.
	Where string
}

// List is LIST or LS of a stage.
type List struct {
	Stage   Stage
	Pattern string
}

// Transfer is PUT or GET: the client moves the files itself, as the answer says.
type Transfer struct {
	Put   bool
	Local string // the path behind file://, as written; PUT: with patterns, GET: a folder
	Stage Stage
	// Pattern is of GET.
	Pattern string
	// Parallel, AutoCompress, Compression (SOURCE_COMPRESSION, in small letters) and Overwrite are told to the client.
	Parallel     int64
	AutoCompress bool
	Compression  string
	Overwrite    bool
}

// Remove is REMOVE or RM of files of a stage.
type Remove struct {
	Stage   Stage
	Pattern string
}

func (*Query) statement()             {}
func (*SystemFunction) statement()    {}
func (*Insert) statement()            {}
func (*Update) statement()            {}
func (*Delete) statement()            {}
func (*Truncate) statement()          {}
func (*Merge) statement()             {}
func (*CreateTable) statement()       {}
func (*CreateDatabase) statement()    {}
func (*CreateSchema) statement()      {}
func (*CreateView) statement()        {}
func (*CreateFileFormat) statement()  {}
func (*CreateStage) statement()       {}
func (*CreateIntegration) statement() {}
func (*CreatePipe) statement()        {}
func (*AlterPipe) statement()         {}
func (*AlterTable) statement()        {}
func (*AlterObject) statement()       {}
func (*AlterSession) statement()      {}
func (*AccountStatement) statement()  {}
func (*Drop) statement()              {}
func (*Describe) statement()          {}
func (*Show) statement()              {}
func (*Use) statement()               {}
func (*Set) statement()               {}
func (*Unset) statement()             {}
func (*Begin) statement()             {}
func (*Commit) statement()            {}
func (*Rollback) statement()          {}
func (*Copy) statement()              {}
func (*List) statement()              {}
func (*Remove) statement()            {}
func (*Transfer) statement()          {}
