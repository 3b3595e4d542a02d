package upsert

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/landing/streaming"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/processing/upsert"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
	"github.com/snowstream/snowstream/snowpipe"
)

// rowPath is how rows get into the table, nil if they are merged and never went otherwise.
func rowPath(key *rsa.PrivateKey, db *snowflake.DB, names schema.Names, s record.Schema, lake *datalake.Lake, log *slog.Logger) (*upsert.Path, error) {
	idle := false
	switch how := os.Getenv(function.RowPath); how {
	case function.Merge, "":
		if key == nil || os.Getenv(function.Stream) == "" {
			return nil, nil
		}
		idle = true
	case function.Snowpipe:
	default:
		return nil, fmt.Errorf("%s is %q: it can be %s or %s", function.RowPath, how, function.Snowpipe, function.Merge)
	}
	commit := rowpath.Commit(os.Getenv(function.RowCommit))
	if commit == "" {
		commit = rowpath.Deferred
	}
	if commit != rowpath.Deferred && commit != rowpath.Wait {
		return nil, fmt.Errorf("%s is %q: it can be %s or %s", function.RowCommit, commit, rowpath.Deferred, rowpath.Wait)
	}
	if key == nil {
		return nil, errors.New("rows by Snowpipe Streaming need the key pair: a login by workload identity is not documented for it; set " +
			function.PrivateKeySecret + ", or " + function.RowPath + "=" + function.Merge)
	}
	stream, err := function.Required(function.Stream)
	if err != nil {
		return nil, err
	}
	url := os.Getenv(function.SnowpipeEndpoint)
	if url == "" {
		url = "https://" + os.Getenv(function.Account) + ".snowflakecomputing.com"
	}
	channels, err := streaming.NewChannels(snowpipe.Config{
		URL: url, Login: snowpipe.KeyPair(os.Getenv(function.Account), os.Getenv(function.User), os.Getenv(function.Role), key), Application: "snowstream",
	}, names, s, lake.Bucket())
	if err != nil {
		return nil, err
	}
	path := upsert.NewPath(rowpath.New(lake, service{channels, db}, commit, log), lake, stream)
	if idle {
		path = path.Idle()
	}
	return path, nil
}

// service joins the channels and what the row path wants of them.
type service struct {
	channels *streaming.Channels
	db       *snowflake.DB
}

var _ rowpath.Service = service{}

// Open opens a chain's channel.
func (s service) Open(ctx context.Context, c rawzone.Chain) (rowpath.Channel, error) {
	channel, err := s.channels.Open(ctx, c)
	if err != nil {
		return nil, void(err)
	}
	return opened{channel}, nil
}

// States asks for chains' channels.
func (s service) States(ctx context.Context, chains []rawzone.Chain) (map[rawzone.Chain]rowpath.State, error) {
	all, err := s.channels.States(ctx, chains)
	if err != nil {
		return nil, void(err)
	}
	out := make(map[rawzone.Chain]rowpath.State, len(all))
	for c, state := range all {
		out[c] = rowpath.State(state)
	}
	return out, nil
}

// Highest asks the table.
func (s service) Highest(ctx context.Context, c rawzone.Chain) (int64, error) {
	return s.channels.Highest(ctx, s.db, c)
}

type opened struct{ channel *streaming.Channel }

// Opened is the channel's state when it was opened.
func (o opened) Opened() rowpath.State { return rowpath.State(o.channel.Opened()) }

// Append appends rows.
func (o opened) Append(ctx context.Context, rows *record.CSVReader, skip func(int64) bool, last int64) (int, error) {
	sent, err := o.channel.Append(ctx, rows, skip, last)
	return sent, void(err)
}

// void marks an error after which a channel has to be opened again.
func void(err error) error {
	if err != nil && streaming.Void(err) {
		return fmt.Errorf("%w: %w", rowpath.ErrReopen, err)
	}
	return err
}
