package show

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// showChannels is SHOW CHANNELS: those of Snowpipe Streaming, as they were committed last.
func (d *Desk) showChannels(st *dialect.Show) (*answer.Result, error) {
	rows, err := d.Engine.DB.QueryContext(d.Ctx, `SELECT c.created, c.name, c.pipe_db, c.pipe_sch, c.pipe_name, o.name, c.client, c."row", c.token
		FROM "warehouse"."channels" c LEFT JOIN "warehouse"."objects" o ON o.id = c.table_id ORDER BY c.pipe_db, c.pipe_sch, c.pipe_name, c.name`)
	if err != nil {
		return nil, fmt.Errorf("read the channels: %w", err)
	}
	defer rows.Close()
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "database_name", "schema_name", "table_name", "client_sequencer", "row_sequencer", "offset_token",
		"parent_domain", "parent_name")
	like := likePattern(st)
	for rows.Next() {
		var created sql.NullTime
		var name string
		var pipe dialect.Name
		var table, token sql.NullString
		var client, row int64
		if err := rows.Scan(&created, &name, &pipe.Database, &pipe.Schema, &pipe.Object, &table, &client, &row, &token); err != nil {
			return nil, fmt.Errorf("read the channels: %w", err)
		}
		full := st.Limit > 0 && len(t.Res.Rows) >= st.Limit
		if full || !d.channelInScope(st, pipe, table.String) || !like.MatchString(name) || !strings.HasPrefix(name, st.StartsWith) || st.From != "" && name <= st.From {
			continue
		}
		var committed any
		if token.Valid {
			committed = token.String
		}
		t.Add(created.Time, name, pipe.Database, pipe.Schema, table.String, fmt.Sprint(client), fmt.Sprint(row), committed, "PIPE", pipe.Object)
	}
	t.Res.Total = int64(len(t.Res.Rows))
	return t.Res, rows.Err()
}

// channelInScope says whether a channel lies in what SHOW … IN names.
func (d *Desk) channelInScope(st *dialect.Show, pipe dialect.Name, table string) bool {
	in := st.In
	switch st.InKind {
	case "ACCOUNT":
		return true
	case "PIPE":
		return pipe == in
	case "TABLE":
		return in == dialect.Name{Database: pipe.Database, Schema: pipe.Schema, Object: table}
	case "":
		in = dialect.Name{Database: d.Session.Env().Database}
	}
	return (in.Database == "" || in.Database == pipe.Database) && (in.Schema == "" || in.Schema == pipe.Schema)
}
