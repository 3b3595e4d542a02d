package snowpipe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Elastic is the channel that each table has for senders that keep nothing: no opening, no order, no tokens. An append that
// has succeeded is durable. One that was repeated because its answer was lost may be in the table twice; give rows a key of
// their own if that matters. It is safe for concurrent use.
type Elastic struct{ pipe Pipe }

// elasticChannel is the name of every table's elastic channel.
const elasticChannel = "ELASTIC"

// Elastic returns the elastic channel of a table.
func (c *Client) Elastic(database, schema, table string) Elastic {
	return Elastic{c.DefaultPipe(database, schema, table)}
}

// Append sends the batch's rows, cut so that no request has more than 4 MB on the wire, and returns once all are durable. Tokens
// are not sent. After an error, the first done rows of the batch are durable, and of the others some may be.
func (e Elastic) Append(ctx context.Context, b *Batch) (done int, err error) {
	if b.Len() == 0 {
		return 0, errNothing
	}
	op := "append to the elastic channel of " + e.pipe.String()
	ratio := 0.0
	for done < b.Len() {
		part, err := b.cut(done, e.pipe.client.packer, nil, ratio)
		if err != nil {
			return done, fmt.Errorf("%s: %w", op, err)
		}
		ratio = float64(len(part.packed)) / float64(part.size)
		_, err = e.pipe.client.do(ctx, request{
			op: op, method: http.MethodPost, path: e.pipe.path("/data") + "/channels/" + elasticChannel + "/rows", rows: true,
			body: part.packed, header: rowsHeader(e.pipe.client.packer.how, part.size),
		})
		if err != nil {
			return done, e.repeat(err)
		}
		done = part.end
	}
	return done, nil
}

// repeat is the error of an elastic append: there is no channel that could be opened.
func (e Elastic) repeat(err error) error {
	var failure *Error
	if errors.As(err, &failure) && failure.Action == OpenAgain {
		failure.Action = TryAgain
	}
	return err
}
