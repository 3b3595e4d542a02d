package pipe

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

// changer runs w as a statement that changes table: in the session's open transaction, or in one of its own.
type changer func(ctx context.Context, table dialect.Name, exclusive bool, w engine.Work) error

// CopyInto does COPY INTO: all files in one transaction, so that the statement happens or does not.
func (p *Pipes) CopyInto(ctx context.Context, st *dialect.Copy, change changer) (*answer.Result, error) {
	if st.Streaming {
		return nil, fault.Unsupported("DATA_SOURCE outside of a pipe")
	}
	l, err := p.newLoader(st)
	if err != nil {
		return nil, err
	}
	found, err := l.copyFiles(ctx)
	if err != nil {
		return nil, err
	}
	var loads []*fileLoad
	err = change(ctx, st.Target, false, func(ctx context.Context, conn *sql.Conn) error {
		loads = nil
		known := map[string]bool{}
		if !st.Force {
			var err error
			if known, err = copied(ctx, conn, l, found); err != nil {
				return err
			}
		}
		for _, f := range found {
			if known[l.nameOf(f.Key)] {
				continue
			}
			load := &fileLoad{file: f, name: l.nameOf(f.Key)}
			if err := l.copyOne(ctx, conn, load); err != nil {
				return err
			}
			loads = append(loads, load)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if st.Purge {
		l.purge(ctx, loads)
	}
	return copyAnswer(l, loads), nil
}

// purge deletes the files that were loaded. As in the service a file that cannot be deleted is no error.
func (l *loader) purge(ctx context.Context, loads []*fileLoad) {
	for _, f := range loads {
		if f.status != statusLoaded {
			continue
		}
		if err := l.pipes.Files.Remove(ctx, l.place, f.file.Key); err != nil {
			l.pipes.Log.Warn("a loaded file could not be purged", "table", l.table.Name.String())
		}
	}
}

// copyOne loads one file and writes its history, or fails when ON_ERROR says that the statement does.
func (l *loader) copyOne(ctx context.Context, conn *sql.Conn, load *fileLoad) error {
	if err := l.check(ctx, load); err != nil {
		return err
	}
	if l.policy.abort && load.status != statusLoaded {
		e := load.first
		return fault.New(e.number, "22000", "%s\n  File '%s', line %d, character %d\n  Row %d, column %s\n  If you would like to continue loading when an error is "+
			"encountered, use other values such as 'SKIP_FILE' or 'CONTINUE' for the ON_ERROR option.", e.message, load.name, e.line, e.character, load.parsed, e.column)
	}
	if err := l.store(ctx, conn, []*fileLoad{load}); err != nil {
		return err
	}
	load.rows = nil
	return writeHistory(conn, l, nil, []*fileLoad{load}, time.Now())
}

// copyFiles lists what COPY names: FILES, or all files under the path, filtered by PATTERN.
func (l *loader) copyFiles(ctx context.Context) ([]stage.File, error) {
	if len(l.copy.Files) == 0 {
		return l.pipes.Files.ListFiles(ctx, l.place, l.copy.Pattern)
	}
	var found []stage.File
	for _, name := range l.copy.Files {
		key := l.place.Prefix
		if key != "" && !strings.HasSuffix(key, "/") {
			key += "/"
		}
		listed, err := l.pipes.Files.ListFiles(ctx, l.place.At(key+name), "")
		if err != nil {
			return nil, err
		}
		f := stage.File{Key: key + name}
		for _, one := range listed {
			if one.Key == f.Key {
				f = one
			}
		}
		found = append(found, f)
	}
	return found, nil
}

// nameOf is a file's name in load histories: its key below the stage.
func (l *loader) nameOf(key string) string { return strings.TrimPrefix(key, l.place.Base) }

// where is the stage's location in load histories.
func (l *loader) where() string { return l.place.Root() }

func copyAnswer(l *loader, loads []*fileLoad) *answer.Result {
	if len(loads) == 0 {
		return answer.Message(answer.TypeCopy, "Copy executed with 0 files processed.")
	}
	t := answer.NewTable(answer.TypeCopy, "file", "status", "rows_parsed", "rows_loaded", "error_limit", "errors_seen", "first_error", "first_error_line",
		"first_error_character", "first_error_column_name")
	for i, name := range t.Names {
		if name != "file" && name != "status" && name != "first_error" && name != "first_error_column_name" {
			t.Res.Columns[i] = answer.Fixed(name, 38, 0)
		}
	}
	for _, f := range loads {
		if l.copy.ReturnFailedOnly && f.status == statusLoaded {
			continue
		}
		cells := []any{l.place.Shown(f.file.Key), strings.ToUpper(strings.ReplaceAll(f.status, " ", "_")), f.parsed, f.loaded, l.errorLimit(f), f.bad, nil, nil, nil, nil}
		if e := f.first; e != nil {
			cells[6], cells[7], cells[8], cells[9] = e.message, e.line, e.character, e.column
		}
		t.Add(cells...)
	}
	return t.Res
}

// errorLimit is how many errors would have made the file fail.
func (l *loader) errorLimit(f *fileLoad) int64 {
	switch {
	case l.policy.abort:
		return 1
	case l.policy.limit > 0:
		return l.policy.limit
	case l.policy.percent > 0:
		return int64(l.policy.percent * float64(f.parsed) / 100)
	}
	return max(f.parsed, 1)
}
