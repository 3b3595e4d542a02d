package warehouse

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/streaming"
	"github.com/snowstream/snowstream/local/warehouse/wire"
)

// streams is the account as Snowpipe Streaming needs it.
type streams struct {
	who     *catalog.Account
	engine  *engine.Engine
	catalog *catalog.Catalog
	front   *wire.Front
}

var _ streaming.Account = streams{}

func (a streams) KeyUser(jwt string) string { return a.front.KeyUser(jwt) }

func (a streams) AccessTokenUser(token string) string {
	if user := a.who.TokenUser(token); user != nil {
		return user.Name
	}
	return ""
}

// Pipe finds a pipe over a streaming source, or the default pipe of a table, whose ID is the table's.
func (a streams) Pipe(name dialect.Name) (*streaming.Pipe, error) {
	out := &streaming.Pipe{Name: name}
	target := name
	made := a.catalog.Get("PIPE", name)
	of, isDefault := strings.CutSuffix(name.Object, streaming.DefaultSuffix)
	switch {
	case made != nil && made.Body.Copy.Streaming:
		target = made.Body.Copy.Target
	case made == nil && isDefault:
		target.Object = of
	default:
		return nil, streaming.ErrNoPipe
	}
	table := a.catalog.Get("TABLE", target)
	if table == nil {
		return nil, streaming.ErrNoPipe
	}
	out.ID, out.Table, out.TableID, out.Columns = table.ID, table.Name, table.ID, table.Body.Columns
	out.ErrorLogging = strings.EqualFold(table.Body.Options.Text("ERROR_LOGGING"), "TRUE")
	if made != nil {
		out.ID, out.Select, out.Paused = made.ID, made.Body.Copy.Select, made.Body.Paused
		out.MatchCase = made.Body.Copy.MatchByColumnName == "CASE_SENSITIVE"
		out.Columns = chosen(out.Columns, made.Body.Copy.Columns)
	}
	return out, nil
}

// chosen are the columns that a COPY names, or all.
func chosen(columns []dialect.Column, names []string) []dialect.Column {
	if len(names) == 0 {
		return columns
	}
	var out []dialect.Column
	for _, name := range names {
		if i := slices.IndexFunc(columns, func(c dialect.Column) bool { return c.Name == name }); i >= 0 {
			out = append(out, columns[i])
		}
	}
	return out
}

// invalidate makes a channel refuse appends until it is opened again.
func (s *Server) invalidate(ctx context.Context, pipe dialect.Name, channel string) error {
	p, err := s.streams.Pipe(pipe)
	if err != nil {
		return fault.NotExist("PIPE", pipe.Plain())
	}
	if err := s.streams.Invalidate(ctx, p, channel); errors.Is(err, streaming.ErrNoChannel) {
		return fault.NotExist("CHANNEL", channel)
	} else if err != nil {
		return err
	}
	return nil
}

func (a streams) Sink(conn driver.Conn, query, table string, types streaming.Types, names []string) (streaming.Sink, error) {
	return a.engine.NewSink(conn, query, table, types, names)
}

func (a streams) Transaction(ctx context.Context, work func(ctx context.Context, conn *sql.Conn) error) error {
	return a.engine.Autocommit(ctx, work)
}
