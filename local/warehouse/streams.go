package warehouse

import (
	"context"
	"database/sql"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
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

// Pipe finds the default pipe of a table. Its ID is the table's.
func (a streams) Pipe(name dialect.Name) (*streaming.Pipe, error) {
	of, isDefault := strings.CutSuffix(name.Object, streaming.DefaultSuffix)
	table := a.catalog.Get("TABLE", dialect.Name{Database: name.Database, Schema: name.Schema, Object: of})
	if !isDefault || table == nil {
		return nil, streaming.ErrNoPipe
	}
	return &streaming.Pipe{
		ID: table.ID, Name: name, Table: table.Name, TableID: table.ID, Columns: table.Body.Columns,
		ErrorLogging: strings.EqualFold(table.Body.Options.Text("ERROR_LOGGING"), "TRUE"),
	}, nil
}

func (a streams) Transaction(ctx context.Context, work func(ctx context.Context, conn *sql.Conn) error) error {
	return a.engine.Autocommit(ctx, work)
}
