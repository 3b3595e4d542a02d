package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/landing/streaming"
	"github.com/snowstream/snowstream/local/warehouse"
	"github.com/snowstream/snowstream/record"
)

// loading is a warehouse with the sensor tables, and a client of it.
type loading struct {
	config snowflake.Config
	db     *snowflake.DB
	names  schema.Names
	next   int // ordinal of the next row
}

func openLoading(ctx context.Context, dir string) (l *loading, end func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	w, err := warehouse.Open(warehouse.Config{
		Dir: dir, Account: "bench", Region: "us-east-1", AccountID: "000000000000",
		Users: []warehouse.User{{Name: "BENCH", Password: "bench", DefaultRole: "R", DefaultWarehouse: "W", Database: "SNOWSTREAM", Schema: "LANDING"}},
	})
	if err != nil {
		listener.Close()
		return nil, nil, err
	}
	server := &http.Server{Handler: w, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	l = &loading{names: schema.Defaults(), config: snowflake.Config{
		Account: "bench", User: "BENCH", Password: "bench", Endpoint: "http://" + listener.Addr().String(), Database: "SNOWSTREAM", Schema: "LANDING", Role: "R", Warehouse: "W",
	}}
	end = func() { l.db.Close(); server.Close(); <-done; w.Close() }
	if l.db, err = snowflake.Open(l.config); err != nil {
		return nil, nil, err
	}
	for _, statement := range schema.Tables(l.names, record.Sensor()) {
		if _, err := l.db.Exec(ctx, statement); err != nil {
			end()
			return nil, nil, fmt.Errorf("%.40s: %w", statement, err)
		}
	}
	return l, end, nil
}

// row is the next row, its cells as SQL literals or as CSV fields.
func (l *loading) row(quote string) []string {
	l.next++
	n := strconv.Itoa(l.next)
	text := func(s string) string { return quote + s + quote }
	return []string{strconv.Itoa(l.next % 50), "64", text("OK"), text("shardId-000000000000"), text("4954511524349098501828006771497314458218006" + n), "0", n, text("2026-01-02 03:04:05.678")}
}

func columnNames() string {
	var names []string
	for _, c := range record.Sensor().TableColumns() {
		names = append(names, schema.Quote(c.Name))
	}
	return strings.Join(names, ",")
}

// insert is the original's way: a connection and an INSERT for each row.
func (l *loading) insert(ctx context.Context) error {
	db, err := snowflake.Open(l.config)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(ctx, "INSERT INTO "+l.names.In(l.names.Streaming)+" ("+columnNames()+") VALUES ("+strings.Join(l.row("'"), ", ")+")")
	return err
}

// merge is the pipeline's way: a batch as SnowflakeUpsert gets it.
func (l *loading) merge(ctx context.Context, rows int) error {
	var csv strings.Builder
	csv.WriteString(columnNames() + "\n")
	for range rows {
		csv.WriteString(strings.Join(l.row(`"`), ",") + "\n")
	}
	reader, err := record.NewCSVReader([]byte(csv.String()))
	if err != nil {
		return err
	}
	_, inserted, err := streaming.New(l.db, l.names, record.Sensor()).Merge(ctx, reader)
	if err == nil && inserted != int64(rows) {
		err = fmt.Errorf("%d of %d rows inserted", inserted, rows)
	}
	return err
}

// mergeValues is a MERGE whose rows stand in its text, 5,000 of them: the text of a statement has at most 1 MB.
func (l *loading) mergeValues(ctx context.Context, rows int) error {
	var values []string
	for range rows {
		values = append(values, "("+strings.Join(l.row("'"), ", ")+")")
	}
	columns := strings.Split(columnNames(), ",")
	_, err := l.db.Exec(ctx, "MERGE INTO "+l.names.In(l.names.Streaming)+" AS t USING (VALUES "+strings.Join(values, ", ")+
		") AS s ("+columnNames()+`) ON t."_SHARD" = s."_SHARD" AND t."_ORDINAL" = s."_ORDINAL" WHEN NOT MATCHED THEN INSERT (`+columnNames()+") VALUES (s."+strings.Join(columns, ", s.")+")")
	return err
}

// grow fills the table up to a number of rows.
func (l *loading) grow(ctx context.Context, to int) error {
	if l.next >= to {
		return nil
	}
	_, err := l.db.Exec(ctx, fmt.Sprintf(`INSERT INTO %s (%s) SELECT 1, 64, 'OK', 'shardId-000000000000', '1', 0, %d + ROW_NUMBER() OVER (ORDER BY 1), '2026-01-01 00:00:00'
		FROM TABLE(GENERATOR(ROWCOUNT => %d))`, l.names.In(l.names.Streaming), columnNames(), l.next, to-l.next))
	l.next = to
	return err
}

// loadRows measures rows per second through the driver, by the clock: client and warehouse are one process here.
func loadRows(ctx context.Context, s settings) ([]table, error) {
	dir, err := os.MkdirTemp("", "snowstream-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l, end, err := openLoading(ctx, filepath.Join(dir, "warehouse"))
	if err != nil {
		return nil, err
	}
	defer end()
	ways := []struct {
		name string
		rows int
		do   func() error
	}{
		{"a connection and an INSERT for each row (the original)", 5, func() error {
			for range 5 {
				if err := l.insert(ctx); err != nil {
					return err
				}
			}
			return nil
		}},
		{"MERGE over VALUES, 5,000 rows a statement", 10_000, func() error { return errors.Join(l.mergeValues(ctx, 5_000), l.mergeValues(ctx, 5_000)) }},
		{"snowstream, 100 rows", 1000, func() error {
			for range 10 {
				if err := l.merge(ctx, 100); err != nil {
					return err
				}
			}
			return nil
		}},
		{"snowstream, 10,000 rows", 10_000, func() error { return l.merge(ctx, 10_000) }},
	}
	series := make([][]float64, len(ways))
	for range min(s.rounds, 7) {
		for i, w := range ways {
			began := time.Now()
			if err := w.do(); err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			series[i] = append(series[i], float64(w.rows)/time.Since(began).Seconds())
		}
	}
	t := table{
		text: "Rows per second through the official driver into the local warehouse, committed; client and server share the machine.",
		head: []string{"", "rows/s", "× the original", "× MERGE over VALUES"},
	}
	for i, w := range ways {
		t.rows = append(t.rows, []string{w.name, spreadOf(series[i]).String(), roundRatios(series[i], series[0]).String(), roundRatios(series[i], series[1]).String()})
	}
	growth := table{text: "Does it depend on the table?", head: []string{"rows in the table", "snowstream, 100 rows: rows/s", "10,000 rows: rows/s"}}
	for _, size := range []int{100_000, 1_000_000, 10_000_000} {
		if err := l.grow(ctx, size); err != nil {
			return nil, fmt.Errorf("fill the table: %w", err)
		}
		var small, large []float64
		for range min(s.rounds, 7) {
			for _, w := range ways[2:] {
				began := time.Now()
				if err := w.do(); err != nil {
					return nil, fmt.Errorf("%s: %w", w.name, err)
				}
				perSecond := float64(w.rows) / time.Since(began).Seconds()
				if w.rows == 1000 {
					small = append(small, perSecond)
				} else {
					large = append(large, perSecond)
				}
			}
		}
		growth.rows = append(growth.rows, []string{grouped(int64(size)), spreadOf(small).String(), spreadOf(large).String()})
	}
	return []table{t, growth}, nil
}
