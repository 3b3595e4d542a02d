package main

import (
	"bytes"
	"context"
	"crypto/rsa"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
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
	table  *streaming.Table
	next   int // ordinal of the next row
}

// openLoading opens a warehouse in a folder; key is the public one that its user may sign in with, too, nil if none.
func openLoading(ctx context.Context, dir string, key *rsa.PublicKey) (l *loading, end func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	w, err := warehouse.Open(warehouse.Config{
		Dir: dir, Account: "bench", Region: "us-east-1", AccountID: "000000000000",
		Users: []warehouse.User{{Name: "BENCH", Password: "bench", PublicKey: key, DefaultRole: "R", DefaultWarehouse: "W", Database: "SNOWSTREAM", Schema: "LANDING"}},
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
	l.table = streaming.New(l.db, l.names, record.Sensor())
	return l, end, nil
}

// row is the next row, its cells as SQL literals or as CSV fields.
func (l *loading) row(quote string) []string {
	l.next++
	n := strconv.Itoa(l.next)
	text := func(s string) string { return quote + s + quote }
	return []string{strconv.Itoa(l.next % 50), "64", text("OK"), text("shardId-000000000000"), text("4954511524349098501828006771497314458218006" + n), "0", n, text("2026-01-02 03:04:05.678"), text("g0000000aaaaaaaa")}
}

func columnNames() string {
	var names []string
	for _, c := range record.Sensor().TableColumns() {
		names = append(names, schema.Quote(c.Name))
	}
	return strings.Join(names, ",")
}

// work is something whose text is ready: only carrying it out is measured.
type work func(ctx context.Context) error

// insert is the original's way: a connection and an INSERT for each row.
func (l *loading) insert() work {
	text := "INSERT INTO " + l.names.In(l.names.Streaming) + " (" + columnNames() + ") VALUES (" + strings.Join(l.row("'"), ", ") + ")"
	return func(ctx context.Context) error {
		db, err := snowflake.Open(l.config)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.Exec(ctx, text)
		return err
	}
}

// merge is the pipeline's way: from the CSV of a hand-over, as SnowflakeUpsert gets it, to the commit.
func (l *loading) merge(rows int) work {
	var csv bytes.Buffer
	csv.WriteString(columnNames() + "\n")
	for range rows {
		csv.WriteString(strings.Join(l.row(`"`), ",") + "\n")
	}
	return func(ctx context.Context) error {
		reader, err := record.NewCSVReader(csv.Bytes())
		if err != nil {
			return err
		}
		m, err := l.table.Merge(ctx, reader)
		if err == nil && m.Inserted != int64(rows) {
			err = fmt.Errorf("%d of %d rows inserted, %d refused", m.Inserted, rows, len(m.Refused))
		}
		return err
	}
}

// mergeValues is a MERGE whose rows stand in its text, 5,000 of them: the text of a statement has at most 1 MB.
func (l *loading) mergeValues() work {
	var values []string
	for range 5_000 {
		values = append(values, "("+strings.Join(l.row("'"), ", ")+")")
	}
	columns := strings.Split(columnNames(), ",")
	text := "MERGE INTO " + l.names.In(l.names.Streaming) + " AS t USING (VALUES " + strings.Join(values, ", ") +
		") AS s (" + columnNames() + `) ON t."_SHARD" = s."_SHARD" AND t."_ORDINAL" = s."_ORDINAL" WHEN NOT MATCHED THEN INSERT (` + columnNames() +
		") VALUES (s." + strings.Join(columns, ", s.") + ")"
	return func(ctx context.Context) error {
		_, err := l.db.Exec(ctx, text)
		return err
	}
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

// way is a way to load rows: n times in a measurement, rows each time.
type way struct {
	name    string
	n, rows int
	prepare func() work
}

// round carries a way out, n times, and returns rows per second by the clock. What can be prepared is not in the time.
func (w way) round(ctx context.Context) (perSecond float64, err error) {
	ready := make([]work, w.n)
	for i := range ready {
		ready[i] = w.prepare()
	}
	runtime.GC()
	began := time.Now()
	for _, do := range ready {
		if err := do(ctx); err != nil {
			return 0, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return float64(w.n*w.rows) / time.Since(began).Seconds(), nil
}

// loadRows measures rows per second through the driver, by the clock: client and warehouse are one process here.
func loadRows(ctx context.Context, s settings) ([]table, error) {
	dir, err := os.MkdirTemp("", "snowstream-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ways, err := loadWays(ctx, s, filepath.Join(dir, "ways"))
	if err != nil {
		return nil, err
	}
	growth, err := loadGrowth(ctx, s, dir)
	return []table{ways, growth}, err
}

// loadWays compares the ways to load rows into one table.
func loadWays(ctx context.Context, s settings, dir string) (table, error) {
	t := table{
		text: "Rows per second through the official driver into the local warehouse, committed; client and server share the machine.",
		head: []string{"", "rows/s", "× the original", "× MERGE over VALUES"},
		notes: []string{"The time is that of carrying out: the text of the statements, and the CSV of the hand-over from which snowstream's time counts, are ready before.",
			"A MERGE over VALUES has 5,000 rows, as more do not fit into the text of a statement (1 MB)."},
	}
	l, end, err := openLoading(ctx, dir, nil)
	if err != nil {
		return t, err
	}
	defer end()
	ways := []way{
		{"a connection and an INSERT for each row (the original)", 5, 1, l.insert},
		{"MERGE over VALUES, 5,000 rows a statement", 2, 5_000, l.mergeValues},
		{"snowstream, 100 rows", 10, 100, func() work { return l.merge(100) }},
		{"snowstream, 10,000 rows", 1, 10_000, func() work { return l.merge(10_000) }},
	}
	series := make([][]float64, len(ways))
	for range s.rounds {
		for i, w := range ways {
			perSecond, err := w.round(ctx)
			if err != nil {
				return t, err
			}
			series[i] = append(series[i], perSecond)
		}
	}
	for i, w := range ways {
		t.rows = append(t.rows, []string{w.name, spreadOf(series[i]).String(), roundRatios(series[i], series[0]).String(), roundRatios(series[i], series[1]).String()})
	}
	return t, nil
}

// loadGrowth asks whether loading slows down as the table grows: tables of three sizes, each in a warehouse of its own,
// take batches in turn.
func loadGrowth(ctx context.Context, s settings, dir string) (table, error) {
	t := table{
		text: "Does it depend on the table? Tables of three sizes take batches in turn, 10 of 100 rows and one of 10,000 in each round.",
		head: []string{"rows in the table at first", "snowstream, 100 rows: rows/s", "× the first line", "10,000 rows: rows/s", "× the first line"},
	}
	sizes := []int{100_000, 1_000_000, 10_000_000}
	small, large := make([][]float64, len(sizes)), make([][]float64, len(sizes))
	var all []*loading
	for _, size := range sizes {
		l, end, err := openLoading(ctx, filepath.Join(dir, strconv.Itoa(size)), nil)
		if err != nil {
			return t, err
		}
		defer end()
		if err := l.grow(ctx, size); err != nil {
			return t, fmt.Errorf("fill the table: %w", err)
		}
		all = append(all, l)
	}
	for range s.rounds {
		for i, l := range all {
			for _, m := range []struct {
				into    *[]float64
				n, rows int
			}{{&small[i], 10, 100}, {&large[i], 1, 10_000}} {
				perSecond, err := way{fmt.Sprintf("%d rows into %d", m.rows, sizes[i]), m.n, m.rows, func() work { return l.merge(m.rows) }}.round(ctx)
				if err != nil {
					return t, err
				}
				*m.into = append(*m.into, perSecond)
			}
		}
	}
	for i, size := range sizes {
		t.rows = append(t.rows, []string{grouped(int64(size)), spreadOf(small[i]).String(), roundRatios(small[i], small[0]).String(),
			spreadOf(large[i]).String(), roundRatios(large[i], large[0]).String()})
	}
	t.rows[0][2], t.rows[0][4] = "", ""
	return t, nil
}
