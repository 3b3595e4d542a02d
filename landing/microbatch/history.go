package microbatch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record/rawzone"
)

// historyNames is how many objects one query asks for.
const historyNames = 1000

// Known tells of which objects the table has heard in the last 13 days, loaded or refused, and when last: the pipe that did
// it will never load them again by itself, and their rows may be brought in another way. Snowflake keeps this history for
// 14 days, as long as a pipe remembers names.
func (p *Pipe) Known(ctx context.Context, keys []string) (map[string]time.Time, error) {
	known := make(map[string]time.Time, len(keys))
	for names := range slices.Chunk(keys, historyNames) {
		var files []string
		for _, key := range names {
			files = append(files, strings.TrimPrefix(key, rawzone.Rows))
		}
		bind, err := json.Marshal(files)
		if err != nil {
			return nil, err
		}
		err = p.session.Query(ctx, func(scan func(...any) error) error {
			var file string
			var at time.Time
			err := scan(&file, &at)
			known[rawzone.Rows+file] = at
			return err
		}, `SELECT h."FILE_NAME", MAX(h."LAST_LOAD_TIME") FROM TABLE(`+schema.Quote(p.names.Database)+".INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => "+
			schema.Literal(p.names.In(p.names.Microbatch))+`, START_TIME => DATEADD(day, -13, CURRENT_TIMESTAMP()))) AS h
WHERE h."FILE_NAME" IN (SELECT f.value::STRING FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f) GROUP BY 1`, string(bind))
		if err != nil {
			return nil, fmt.Errorf("look for %d objects in the load history of %s: %w", len(names), p.names.Microbatch, err)
		}
	}
	return known, nil
}

// File is one that the table was loaded from, or that was refused.
type File struct {
	// Name is the file's key behind the stage's prefix.
	Name        string
	Rows, Bytes int64
	// Status is Loaded, Partially loaded or Load failed.
	Status string
	Loaded time.Time
	// Line and Column are where the first error is, 0 and empty if there is none. The error's own text is left out: it
	// quotes the file.
	Line   int64
	Column string
}

// Files returns the files that were dealt with since a time, the last ones first, at most limit.
func (p *Pipe) Files(ctx context.Context, since time.Time, limit int) (out []File, err error) {
	err = p.session.Query(ctx, func(scan func(...any) error) error {
		var f File
		err := scan(&f.Name, &f.Rows, &f.Bytes, &f.Status, &f.Loaded, &f.Line, &f.Column)
		out = append(out, f)
		return err
	}, fmt.Sprintf(`SELECT "FILE_NAME", COALESCE("ROW_COUNT", 0), COALESCE("FILE_SIZE", 0), "STATUS", "LAST_LOAD_TIME", COALESCE("FIRST_ERROR_LINE_NUMBER", 0), COALESCE("FIRST_ERROR_COLUMN_NAME", '')
FROM TABLE(%s.INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => %s, START_TIME => %s::TIMESTAMP_LTZ)) ORDER BY "LAST_LOAD_TIME" DESC, "FILE_NAME" DESC LIMIT %d`,
		schema.Quote(p.names.Database), schema.Literal(p.names.In(p.names.Microbatch)), schema.Literal(since.UTC().Format("2006-01-02 15:04:05.000 -0700")), limit))
	if err != nil {
		return nil, fmt.Errorf("load history of %s: %w", p.names.Microbatch, err)
	}
	return out, nil
}
