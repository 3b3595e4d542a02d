package pipe

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

const (
	// maxBuffered is how many bytes of a file's rows are kept between checking and loading. A larger file is read twice.
	maxBuffered = 32 << 20
	// cellBytes is about what a value takes in memory, besides the bytes of a text.
	cellBytes = 64
)

// loader loads files into one table as a COPY statement says.
type loader struct {
	pipes  *Pipes
	table  *catalog.Object
	copy   *dialect.Copy
	place  stage.Place
	format *stage.Format
	policy errorPolicy
	target []dialect.Column // the columns that a row of loader fills, in order
}

// errorPolicy is ON_ERROR: a file with at least limit errors, or percent of its rows, is skipped. limit 0 means never.
type errorPolicy struct {
	abort   bool
	limit   int64
	percent float64
}

func readPolicy(text string) (errorPolicy, error) {
	switch text {
	case "", "ABORT_STATEMENT":
		return errorPolicy{abort: true}, nil
	case "CONTINUE":
		return errorPolicy{}, nil
	case "SKIP_FILE":
		return errorPolicy{limit: 1}, nil
	}
	number, ok := strings.CutPrefix(text, "SKIP_FILE_")
	if digits, isPercent := strings.CutSuffix(number, "%"); ok && isPercent {
		if percent, err := strconv.ParseFloat(digits, 64); err == nil && percent > 0 {
			return errorPolicy{percent: percent}, nil
		}
	} else if n, err := strconv.ParseInt(number, 10, 64); ok && err == nil && n > 0 {
		return errorPolicy{limit: n}, nil
	}
	return errorPolicy{}, fault.New(1008, "22023", "SQL compilation error:\ninvalid value [%s] for parameter 'ON_ERROR'", text)
}

// skips says whether a file with these counts is left out.
func (p errorPolicy) skips(bad, parsed int64) bool {
	switch {
	case bad == 0:
		return false
	case p.percent > 0:
		return float64(bad)*100 >= p.percent*float64(parsed)
	}
	return p.limit > 0 && bad >= p.limit
}

// loadError is the first thing that is wrong with a file.
type loadError struct {
	number    int
	message   string
	line      int64
	character int64
	column    string
}

// fileLoad is what became of one file.
type fileLoad struct {
	file                stage.File
	name                string // below the stage
	received            time.Time
	queued              []int64 // the notices that asked for it
	known               bool    // the pipe remembers the name: nothing to load
	rows                [][]driver.Value
	buffered            bool
	parsed, loaded, bad int64
	first               *loadError
	status              string
}

// The states of a file in COPY_HISTORY.
const (
	statusLoaded  = "Loaded"
	statusPartial = "Partially loaded"
	statusFailed  = "Load failed"
)

// newLoader resolves everything that a COPY names.
func (p *Pipes) newLoader(copying *dialect.Copy) (*loader, error) {
	catalog := p.Catalog
	table := catalog.Get("TABLE", copying.Target)
	if table == nil {
		return nil, fault.New(2003, "42S02", "SQL compilation error:\nTable '%s' does not exist or not authorized.", copying.Target.Plain())
	}
	of, at, err := stage.Locate(catalog, copying.Stage)
	if err != nil {
		return nil, err
	}
	format, err := stage.ResolveFormat(catalog, copying, of)
	if err != nil {
		return nil, err
	}
	policy, err := readPolicy(copying.OnError)
	if err != nil {
		return nil, err
	}
	l := &loader{pipes: p, table: table, copy: copying, place: at, format: format, policy: policy}
	return l, l.chooseColumns()
}

// chooseColumns fixes which columns of the table a file fills.
func (l *loader) chooseColumns() error {
	byName := l.copy.MatchByColumnName != "" && l.copy.MatchByColumnName != "NONE"
	switch {
	case l.copy.ValidationMode != "":
		return fault.Unsupported("VALIDATION_MODE")
	case l.copy.Select != nil && (byName || len(l.copy.IncludeMetadata) > 0):
		return fault.New(1003, "42000", "SQL compilation error:\nMATCH_BY_COLUMN_NAME and INCLUDE_METADATA cannot be used with a SELECT.")
	case l.format.ParseHeader && !byName:
		return fault.New(1003, "42000", "SQL compilation error:\nInvalid file format \"PARSE_HEADER\" is only allowed with MATCH_BY_COLUMN_NAME.")
	case l.format.Kind == "CSV" && byName && !l.format.ParseHeader:
		return fault.New(1003, "42000", "SQL compilation error:\nMATCH_BY_COLUMN_NAME of a CSV file needs PARSE_HEADER = TRUE.")
	case l.copy.SizeLimit > 0:
		return fault.Unsupported("SIZE_LIMIT")
	}
	if len(l.copy.Columns) == 0 {
		l.target = l.table.Body.Columns
	}
	for _, name := range l.copy.Columns {
		found := columnNamed(l.table.Body.Columns, name)
		if found == nil {
			return fault.New(904, "42000", "SQL compilation error: error line 1\ninvalid identifier '%s'", name)
		}
		l.target = append(l.target, *found)
	}
	if l.format.Kind != "CSV" && !byName && l.copy.Select == nil && len(l.target) != 1 {
		return fault.New(2, "0A000", "SQL compilation error:\n%s file format can produce one and only one column of variant, object, or array type. Use MATCH_BY_COLUMN_NAME or a SELECT.", l.format.Kind)
	}
	return nil
}

func columnNamed(columns []dialect.Column, name string) *dialect.Column {
	for i := range columns {
		if columns[i].Name == name {
			return &columns[i]
		}
	}
	return nil
}

// errAborted stops the reading of a file whose fate is decided.
var errAborted = errors.New("reading stopped")

// check reads a file and decides what becomes of it, without touching the table. It fails only for what repeating can
// cure; a file that is no good, or not there, gets its status.
func (l *loader) check(ctx context.Context, f *fileLoad) error {
	f.rows, f.buffered, f.parsed, f.loaded, f.bad, f.first = nil, true, 0, 0, 0, nil
	size := 0
	err := l.read(ctx, f, "", func(row []driver.Value) error {
		f.loaded++
		if !f.buffered {
			return nil
		}
		for _, cell := range row {
			if text, ok := cell.(string); ok {
				size += len(text)
			}
			size += cellBytes
		}
		if size > maxBuffered {
			f.rows, f.buffered = nil, false
			return nil
		}
		f.rows = append(f.rows, row)
		return nil
	})
	var bad *stage.BadFile
	switch {
	case errors.Is(err, stage.ErrFileGone):
		f.fail(&loadError{number: 91016, message: fmt.Sprintf("Remote file '%s' was not found.", f.name)})
	case errors.As(err, &bad):
		f.fail(&loadError{number: bad.Number, message: bad.Message})
	case errors.Is(err, errAborted):
		f.fail(f.first)
	case err != nil:
		return err
	case l.policy.skips(f.bad, f.parsed):
		f.fail(f.first)
	case f.bad > 0 && f.loaded == 0:
		f.fail(f.first)
	case f.bad > 0:
		f.status = statusPartial
	default:
		f.status = statusLoaded
	}
	return nil
}

func (f *fileLoad) fail(first *loadError) {
	f.status, f.first, f.rows, f.buffered, f.loaded = statusFailed, first, nil, true, 0
	f.bad = max(f.bad, 1)
}

// note counts a bad record and says whether reading goes on.
func (l *loader) note(f *fileLoad, e *loadError) error {
	f.bad++
	if f.first == nil {
		f.first = e
	}
	if l.policy.abort {
		return errAborted
	}
	return nil
}

// store puts checked files' rows into the table, in the transaction of conn.
func (l *loader) store(ctx context.Context, conn *sql.Conn, loads []*fileLoad) error {
	loads = slices.DeleteFunc(slices.Clone(loads), func(f *fileLoad) bool { return f.known || f.status == statusFailed || f.loaded == 0 })
	if len(loads) == 0 {
		return nil
	}
	return conn.Raw(func(raw any) error {
		sink, err := l.newAppender(raw.(driver.Conn))
		if err != nil {
			return err
		}
		for _, f := range loads {
			if f.buffered {
				err = appendRows(sink, f.rows)
			} else {
				again := &fileLoad{file: f.file, name: f.name}
				err = l.read(ctx, again, f.file.ETag, func(row []driver.Value) error { return sink.AppendRow(row...) })
			}
			if err != nil {
				return errors.Join(err, sink.Clear(), sink.Close())
			}
		}
		return sink.CloseWithCancel(ctx)
	})
}

func appendRows(sink *engine.Sink, rows [][]driver.Value) error {
	for _, row := range rows {
		if err := sink.AppendRow(row...); err != nil {
			return err
		}
	}
	return nil
}

// newAppender is an INSERT fed in batches. Rows arrive as the values that convert makes; with a SELECT they arrive as
// the texts of the fields, and its expressions do the rest.
func (l *loader) newAppender(conn driver.Conn) (*engine.Sink, error) {
	names, query := l.insertQuery()
	types := make([]duckdb.TypeInfo, len(names))
	for i := range types {
		var err error
		if l.copy.Select == nil {
			types[i], err = stage.CellType(&l.target[i])
		} else {
			types[i], err = duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
		}
		if err != nil {
			return nil, fmt.Errorf("prepare loading: %w", err)
		}
	}
	return l.pipes.Engine.NewSink(conn, query, "file_rows", types, names)
}

func (l *loader) insertQuery() (names []string, query string) {
	columns, items := make([]string, len(l.target)), make([]string, len(l.target))
	for i, c := range l.target {
		columns[i] = dialect.Quote(c.Name)
		names = append(names, "c"+strconv.Itoa(i))
		items[i] = "CAST(" + names[i] + " AS " + c.Type.DuckDB + ")"
	}
	insert := "INSERT INTO " + l.table.Name.DuckDB() + " (" + strings.Join(columns, ", ") + ") SELECT "
	if l.copy.Select == nil {
		return names, insert + strings.Join(items, ", ") + " FROM file_rows"
	}
	names = l.selectFields()
	var fields []string
	for _, name := range names {
		field := dialect.Quote(name)
		if l.format.Kind != "CSV" && strings.HasPrefix(name, "$") {
			field = "CAST(" + field + " AS JSON) AS " + field
		}
		fields = append(fields, field)
	}
	query = insert + l.selectItems() + " FROM (SELECT " + strings.Join(fields, ", ") + ` FROM file_rows) AS "$FILE"`
	if l.copy.Select.Where != "" {
		query += " WHERE " + l.copy.Select.Where
	}
	return names, query
}

// selectItems is the list of the SELECT, with variants cast to the types of the columns that they go to.
func (l *loader) selectItems() string {
	of := l.copy.Select
	if len(of.Each) != len(l.target) {
		return of.Items // of a pipe that an older process has made; or DuckDB counts the columns
	}
	items := slices.Clone(of.Each)
	for i, variant := range of.Variants {
		if variant && l.target[i].Type.DuckDB != "JSON" {
			items[i] = dialect.CastVariant(items[i], l.target[i].Type)
		}
	}
	return strings.Join(items, ", ")
}

// selectFields are the columns that a SELECT over a file may use.
func (l *loader) selectFields() []string {
	var names []string
	for i := range max(l.copy.Select.Fields, 1) {
		names = append(names, "$"+strconv.Itoa(i+1))
	}
	return append(names, l.copy.Select.Metadata...)
}

// read opens a file and hands its good rows to sink.
func (l *loader) read(ctx context.Context, f *fileLoad, ifMatch string, sink func([]driver.Value) error) error {
	if l.format.Kind == "PARQUET" {
		return l.readParquet(ctx, f, ifMatch, sink)
	}
	in, found, err := l.pipes.Files.OpenFile(ctx, l.place, f.file.Key, l.format.Compression, ifMatch)
	if err != nil {
		return err
	}
	defer in.Close()
	f.file = *found
	if l.format.Kind == "JSON" {
		return l.readJSON(in, f, sink)
	}
	return l.readCSV(in, f, sink)
}

// metadata is the value of a METADATA$ column for one record.
func (l *loader) metadata(name string, f *fileLoad, row int64) driver.Value {
	switch strings.TrimPrefix(name, "METADATA$") {
	case "FILENAME":
		return f.file.Key
	case "FILE_ROW_NUMBER":
		return strconv.FormatInt(row, 10)
	case "FILE_LAST_MODIFIED":
		return f.file.Modified.UTC().Format("2006-01-02 15:04:05.999999")
	case "FILE_CONTENT_KEY":
		return strings.Trim(f.file.ETag, `"`)
	case "START_SCAN_TIME":
		return time.Now().UTC().Format("2006-01-02 15:04:05.999999") + "+00"
	}
	return nil
}
