package pipe

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

const (
	// pipeMemory, copyMemory and refreshReach are the service's: a pipe knows a name for 14 days, COPY for 64, and a
	// refresh looks at files of the last 7.
	pipeMemory   = 14 * 24 * time.Hour
	copyMemory   = 64 * 24 * time.Hour
	refreshReach = 7 * 24 * time.Hour
)

// writeHistory records what became of files, in the transaction that loads them. pipe is nil for COPY.
func writeHistory(conn *sql.Conn, l *loader, pipe *catalog.Object, loads []*fileLoad, now time.Time) error {
	return conn.Raw(func(raw any) error {
		sink, err := duckdb.NewAppenderFromConn(raw.(driver.Conn), "warehouse", "history")
		if err != nil {
			return fmt.Errorf("write the load history: %w", err)
		}
		for _, f := range loads {
			if err := sink.AppendRow(l.historyRow(pipe, f, now)...); err != nil {
				return errors.Join(fmt.Errorf("write the load history: %w", err), sink.Clear(), sink.Close())
			}
		}
		return sink.Close()
	})
}

func (l *loader) historyRow(pipe *catalog.Object, f *fileLoad, now time.Time) []driver.Value {
	var message, line, character, column, received driver.Value
	if e := f.first; e != nil {
		message, column = e.message, catalog.Nullable(e.column)
		if e.line > 0 {
			line, character = e.line, e.character
		}
	}
	id, pipeName := int64(0), l.table.Name
	pipeName.Database, pipeName.Schema, pipeName.Object = "", "", ""
	if pipe != nil {
		id, pipeName, received = pipe.ID, pipe.Name, f.received.UTC()
	}
	table := l.table
	return []driver.Value{
		id, table.ID, l.where(), f.name, now.UTC(), f.loaded, f.parsed, f.file.Size, message, line, character, column, f.bad, l.errorLimit(f), f.status, received,
		pipeName.Database, pipeName.Schema, pipeName.Object, table.Name.Database, table.Name.Schema, table.Name.Object, f.file.ETag,
	}
}

// copied says which files COPY has loaded into the table and still remembers. A file whose content has changed since is loaded again.
func copied(ctx context.Context, conn *sql.Conn, l *loader, files []stage.File) (map[string]bool, error) {
	etags := map[string]string{}
	for _, f := range files {
		etags[l.nameOf(f.Key)] = f.ETag
	}
	known := map[string]bool{}
	rows, err := conn.QueryContext(ctx, `SELECT file, coalesce(etag, '') FROM "warehouse"."history"
		WHERE pipe_id = 0 AND table_id = $1 AND place = $2 AND loaded > $3 AND status <> '`+statusFailed+`'`, l.table.ID, l.where(), time.Now().Add(-copyMemory).UTC())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, etag string
		if err := rows.Scan(&name, &etag); err != nil {
			return nil, err
		}
		if current, ok := etags[name]; ok && (current == etag || current == "") {
			known[name] = true
		}
	}
	return known, rows.Err()
}

// remembered says which names a pipe knows: loaded or failed within 14 days, whatever the content was.
func remembered(ctx context.Context, conn *sql.Conn, pipe *catalog.Object, names []string) (map[string]bool, error) {
	return nameSet(conn.QueryContext(ctx, `SELECT DISTINCT file FROM "warehouse"."history" WHERE pipe_id = $1 AND loaded > $2
		AND file IN (SELECT unnest($3::VARCHAR[]))`, pipe.ID, time.Now().Add(-pipeMemory).UTC(), names))
}

func nameSet(rows *sql.Rows, err error) (map[string]bool, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names[name] = true
	}
	return names, rows.Err()
}

// ForgetHistory removes what nobody remembers any more.
func (p *Pipes) ForgetHistory(ctx context.Context, now time.Time) error {
	return p.Engine.Autocommit(ctx, func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `DELETE FROM "warehouse"."history" WHERE loaded < $1`, now.Add(-copyMemory).UTC())
		return err
	})
}
