package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/snowstream/snowstream/snowpipe"
)

// rowPaths measures the client of Snowpipe Streaming, and the whole drawing with both ways of rows into the streaming table.
func rowPaths(ctx context.Context, s settings) ([]table, error) {
	client, err := throughClient(ctx, s)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "snowstream-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program, err := build(ctx, dir)
	if err != nil {
		return nil, err
	}
	whole := table{text: "The whole drawing on one machine.", head: []string{"", "measured", "goal"}}
	for _, tick := range []string{"1s", "100ms"} {
		r, err := runLocal(ctx, program, filepath.Join(dir, "tick-"+tick), span{5 * time.Second, 29 * time.Second},
			"--row-path", "snowpipe", "--commit-tick", tick, "--rate", "1000", "--for", "30s")
		if err != nil {
			return nil, err
		}
		whole.rows = append(whole.rows, []string{"snowpipe, a commit each " + tick + ", 1,000 records/s: accepted to visible, p50 / p99", fmt.Sprintf("%.0f / %.0f ms", 1000*r.StreamingP50, 1000*r.StreamingP99), ""},
			[]string{"the same: CPU", fmt.Sprintf("%.2f of a core", r.cores), "< 0.2"})
	}
	var fast [2]*localRun
	for i, path := range []string{"merge", "snowpipe"} {
		if fast[i], err = runLocal(ctx, program, filepath.Join(dir, path), span{}, "--row-path", path, "--no-limits", "--rate", "0", "--shards", "4",
			"--batch-size", "10000", "--batch-window", "1s", "--records", strconv.FormatInt(s.records, 10), "--drain-timeout", "30m"); err != nil {
			return nil, err
		}
		for _, row := range asFastAsItGoes(fast[i]) {
			row[0], row[2] = path+": "+row[0], ""
			whole.rows = append(whole.rows, row)
		}
	}
	rate := func(r *localRun) float64 { return float64(r.Accepted) / r.Elapsed }
	whole.rows = append(whole.rows, []string{"snowpipe to merge, records/s", fmt.Sprintf("%.2f", rate(fast[1])/rate(fast[0])), "≥ 1.3"})
	whole.notes = []string{together("Both runs as fast as it goes", fast[:]...)}
	return []table{client, whole}, nil
}

// clientRows is how many rows go through the client in a round, batchRows how many in one append.
const clientRows, batchRows = 500_000, 10_000

// throughClient sends sensor rows to a service that only counts them.
func throughClient(ctx context.Context, s settings) (table, error) {
	received := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		received += int(n)
		switch {
		case strings.HasSuffix(r.URL.Path, "/hostname"):
			fmt.Fprint(w, "127.0.0.1")
		case strings.HasSuffix(r.URL.Path, "/token"):
			fmt.Fprint(w, "scoped")
		case r.Method == http.MethodPut:
			fmt.Fprint(w, `{"next_continuation_token":"1","channel_status":{"channel_status_code":"SUCCESS"}}`)
		default:
			fmt.Fprint(w, `{"next_continuation_token":"1"}`)
		}
	}))
	defer service.Close()
	client, err := snowpipe.New(snowpipe.Config{URL: service.URL, Login: snowpipe.ProgrammaticAccessToken("token", "")})
	if err != nil {
		return table{}, err
	}
	defer client.Close()
	encoder, err := snowpipe.NewEncoder(snowpipe.Column{Name: "SENSORID"}, snowpipe.Column{Name: "CURRENTTEMPERATURE"}, snowpipe.Column{Name: "STATUS", Type: snowpipe.Text},
		snowpipe.Column{Name: "_SHARD", Type: snowpipe.Text}, snowpipe.Column{Name: "_ORDINAL"}, snowpipe.Column{Name: "_ARRIVED_AT", Type: snowpipe.Timestamp})
	if err != nil {
		return table{}, err
	}
	channel, err := client.DefaultPipe("D", "S", "T").Open(ctx, "C", snowpipe.OpenOptions{})
	if err != nil {
		return table{}, err
	}
	var rates, costs []float64
	for range s.rounds {
		before, began := cpu(), time.Now()
		if err := appendRows(ctx, channel, encoder); err != nil {
			return table{}, err
		}
		rates = append(rates, clientRows/time.Since(began).Seconds())
		costs = append(costs, 1e6*(cpu()-before).Seconds()/clientRows)
	}
	return table{
		text: fmt.Sprintf("The client: rows of six columns, encoded, compressed and sent to a service in the same process that only reads them; %d rows an append.", batchRows),
		head: []string{"", "measured"},
		rows: [][]string{
			{"rows/s", spreadOf(rates).String()},
			{"CPU, µs a row, the service's reading included", spreadOf(costs).String()},
			{"bytes a row on the wire", fmt.Sprintf("%.1f", float64(received)/float64(clientRows*s.rounds))},
		},
	}, nil
}

func appendRows(ctx context.Context, channel *snowpipe.Channel, encoder *snowpipe.Encoder) error {
	var batch snowpipe.Batch
	var row, number []byte
	values := []snowpipe.Value{{}, {Text: []byte("64")}, {Text: []byte("OK")}, {Text: []byte("shardId-000000000000")}, {}, {Text: []byte("2026-01-02 03:04:05.678")}}
	for n := range clientRows {
		number = strconv.AppendInt(number[:0], int64(n), 10)
		values[0].Text, values[4].Text = number, number
		var err error
		if row, err = encoder.AppendRow(row[:0], values); err != nil {
			return err
		}
		if err := batch.Add(row, fmt.Sprintf("%020d", n)); err != nil {
			return err
		}
		if batch.Len() == batchRows {
			if err := channel.Append(ctx, &batch); err != nil {
				return err
			}
			batch.Reset()
		}
	}
	return nil
}
