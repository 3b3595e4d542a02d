package streaming

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
	"github.com/snowstream/snowstream/snowpipe"
)

// Channels are the streaming table's channels of Snowpipe Streaming, one for each chain of objects. A channel's offset tokens
// are ordinals, so its committed token says how far the chain is in the table. It is safe for concurrent use.
type Channels struct {
	config  snowpipe.Config
	names   schema.Names
	place   string
	columns []record.Column
	encoder *snowpipe.Encoder
	mu      sync.Mutex
	client  *snowpipe.Client // guarded by mu; made anew when the service says so
}

// NewChannels returns the channels. place tells chains of the same name apart that lie elsewhere: the bucket's name. It does
// not connect.
func NewChannels(config snowpipe.Config, names schema.Names, s record.Schema, place string) (*Channels, error) {
	c := &Channels{config: config, names: names, place: place, columns: s.TableColumns()}
	var columns []snowpipe.Column
	for _, column := range c.columns {
		columns = append(columns, snowpipe.Column{Name: column.Name, Type: typeOf(column)})
	}
	var err error
	if c.encoder, err = snowpipe.NewEncoder(columns...); err != nil {
		return nil, err
	}
	_, err = c.connected(nil)
	return c, err
}

func typeOf(c record.Column) snowpipe.Type {
	switch c.Type {
	case record.String:
		return snowpipe.Text
	case record.Boolean:
		return snowpipe.Boolean
	case record.Timestamp:
		return snowpipe.Timestamp
	case record.Variant:
		return snowpipe.Variant
	case record.Date:
		return snowpipe.Date
	case record.Time:
		return snowpipe.Time
	case record.Float:
		return snowpipe.Float
	}
	return snowpipe.Number
}

// connected is the client, or a new one if the one that was used is no good any more.
func (c *Channels) connected(void *snowpipe.Client) (*snowpipe.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client == nil || c.client == void {
		client, err := snowpipe.New(c.config)
		if err != nil {
			return nil, err
		}
		c.client = client
	}
	return c.client, nil
}

// moved makes a new client if an error wants one.
func (c *Channels) moved(client *snowpipe.Client, err error) error {
	if snowpipe.ActionOf(err) == snowpipe.NewClient {
		_, failed := c.connected(client)
		err = errors.Join(err, failed)
	}
	return err
}

// Void reports whether an error means that a channel has to be opened again.
func Void(err error) bool {
	action := snowpipe.ActionOf(err)
	return action == snowpipe.OpenAgain || action == snowpipe.NewClient
}

// name is a chain's channel. URLs ignore case and the status does not, so it has one case; the sum tells apart what then looks
// alike.
func (c *Channels) name(chain rawzone.Chain) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", c.place, chain.Stream, chain.Generation, chain.Shard))
	plain := func(text string) string { return strings.ReplaceAll(rawzone.Escape(text), "~", "_") }
	return strings.ToUpper(plain(chain.Stream) + "-" + plain(chain.Shard) + "-" + hex.EncodeToString(sum[:6]))
}

// ChannelState is what the service says of a channel; see snowpipe.Status.
type ChannelState struct {
	// Committed is the ordinal up to which rows are in the table or were rejected. Known is false if there is no token.
	Committed int64
	Known     bool
	// Rejected counts the rows that the table did not take in the channel's life, which began at Created, in Unix milliseconds.
	Rejected, Created int64
	// Message is the last one's reason. It may quote the row.
	Message string
	Err     error
}

func stateOf(s snowpipe.Status) (ChannelState, error) {
	out := ChannelState{Rejected: s.RowErrors, Created: s.Created.UnixMilli(), Message: s.LastErrorMessage, Err: s.Err()}
	if !s.Committed {
		return out, nil
	}
	n, err := strconv.ParseInt(s.CommittedToken, 10, 64)
	if err != nil || n < 0 || s.CommittedToken != token(n) {
		return out, fmt.Errorf("channel %s: its committed token is no ordinal: somebody else has written to it; drop the channel", s.Channel)
	}
	out.Committed, out.Known = n, true
	return out, nil
}

// token is an ordinal as an offset token, of one width.
func token(ordinal int64) string { return fmt.Sprintf("%020d", ordinal) }

// openWait is how long rows of a channel's previous opener may take to become committed: about what a commit takes. They would
// only be appended again.
const openWait = 8 * time.Second

// Channel is an open channel. After an error it is void.
type Channel struct {
	channels *Channels
	client   *snowpipe.Client
	channel  *snowpipe.Channel
	opened   ChannelState
	batch    snowpipe.Batch
}

// Open opens a chain's channel.
func (c *Channels) Open(ctx context.Context, chain rawzone.Chain) (*Channel, error) {
	client, err := c.connected(nil)
	if err != nil {
		return nil, err
	}
	channel, err := c.pipe(client).Open(ctx, c.name(chain), snowpipe.OpenOptions{Wait: openWait})
	if err != nil {
		return nil, c.moved(client, err)
	}
	opened, err := stateOf(channel.Opened())
	if err != nil {
		return nil, err
	}
	return &Channel{channels: c, client: client, channel: channel, opened: opened}, nil
}

func (c *Channels) pipe(client *snowpipe.Client) snowpipe.Pipe {
	return client.DefaultPipe(c.names.Database, c.names.Schema, c.names.Streaming)
}

// Opened is the channel's state when it was opened.
func (c *Channel) Opened() ChannelState { return c.opened }

// maxBatch is how many bytes of rows are collected before they are sent, so that memory stays flat.
const maxBatch = 16 << 20

// Append appends rows but for those that are skipped. The last of them moves the channel's token to last. It returns once the
// service has received them, and how many they were. After an error some may have been received.
func (c *Channel) Append(ctx context.Context, rows *record.CSVReader, skip func(ordinal int64) bool, last int64) (sent int, err error) {
	columns, err := (&Table{columns: c.channels.columns}).order(rows.Header())
	if err != nil {
		return 0, err
	}
	place := columns[len(columns)-ordinalFromEnd]
	c.batch.Reset()
	var text []byte
	values := make([]snowpipe.Value, len(columns))
	for {
		row, err := rows.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return sent, err
		}
		ordinal, err := strconv.ParseInt(string(row[place].Text), 10, 64)
		if err != nil {
			return sent, errors.New("a row has no number in its column _ORDINAL")
		}
		if skip(ordinal) {
			continue
		}
		if c.batch.Size() > maxBatch {
			if err := c.send(ctx); err != nil {
				return sent, err
			}
		}
		for i, at := range columns {
			values[i] = snowpipe.Value{Null: true}
			if at >= 0 {
				values[i] = snowpipe.Value(row[at])
			}
		}
		if text, err = c.channels.encoder.AppendRow(text[:0], values); err != nil {
			return sent, fmt.Errorf("ordinal %d: %w", ordinal, err)
		}
		if err := c.batch.Add(text, token(ordinal)); err != nil {
			return sent, fmt.Errorf("ordinal %d: %w", ordinal, err)
		}
		sent++
	}
	if c.batch.Len() == 0 {
		return sent, nil
	}
	c.batch.Cover(token(last))
	return sent, c.send(ctx)
}

func (c *Channel) send(ctx context.Context) error {
	err := c.channel.Append(ctx, &c.batch)
	c.batch.Reset()
	return c.channels.moved(c.client, err)
}

// Querier asks the table; see landing/snowflake.
type Querier interface {
	Query(ctx context.Context, row func(scan func(into ...any) error) error, query string, args ...any) error
}

// Highest is the highest ordinal of a chain in the table, 0 if it has none. It needs a warehouse, unlike the channels.
func (c *Channels) Highest(ctx context.Context, q Querier, chain rawzone.Chain) (n int64, err error) {
	err = q.Query(ctx, func(scan func(...any) error) error {
		var highest sql.NullInt64
		err := scan(&highest)
		n = highest.Int64
		return err
	}, schema.Highest(c.names), chain.Shard, chain.Generation)
	if err != nil {
		return 0, fmt.Errorf("ask %s for its highest ordinal of %s: %w", c.names.Streaming, chain.Shard, err)
	}
	return n, nil
}

// States asks for the channels of chains. One that does not exist has no entry.
func (c *Channels) States(ctx context.Context, chains []rawzone.Chain) (map[rawzone.Chain]ChannelState, error) {
	if len(chains) == 0 {
		return nil, nil
	}
	names := make([]string, len(chains))
	for i, chain := range chains {
		names[i] = c.name(chain)
	}
	client, err := c.connected(nil)
	if err != nil {
		return nil, err
	}
	all, err := c.pipe(client).Statuses(ctx, names...)
	if err != nil {
		return nil, c.moved(client, err)
	}
	out := make(map[rawzone.Chain]ChannelState, len(all))
	for i, chain := range chains {
		status, ok := all[names[i]]
		if !ok {
			continue
		}
		if out[chain], err = stateOf(status); err != nil {
			return nil, err
		}
	}
	return out, nil
}
