package e2e

import (
	"fmt"
	"testing"

	"github.com/snowstream/snowstream/internal/long"
	landingaudit "github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/local/warehouse"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// TestCompareTables: whatever is done to one row of two equal tables, the comparison counts it, in each slice of a table that is
// too large for one.
func TestCompareTables(t *testing.T) {
	long.Test(t)
	db := openDeployer(t, startWarehouse(t, warehouse.Config{S3Endpoint: "http://127.0.0.1:1"}))
	exec := func(statement string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	n := schema.Defaults()
	exec("CREATE DATABASE " + schema.Quote(n.Database))
	exec("CREATE SCHEMA " + schema.Quote(n.Database) + "." + schema.Quote(n.Schema))
	for _, statement := range schema.Tables(n, record.Sensor()) {
		exec(statement)
	}
	const one, two, many = "shardId-000000000000", "shardId-000000000001", 1_200_000
	base := record.Base(two)
	both := [2]string{n.In(n.Streaming), n.In(n.Microbatch)}
	for _, table := range both {
		for shard, rows := range map[string]int{one: many, two: 100} {
			exec(fmt.Sprintf(`INSERT INTO %s SELECT 1, 64, 'OK', '%s', '495', 0, %d + ROW_NUMBER() OVER (ORDER BY 1), '2026-01-01 00:00:00', NULL FROM TABLE(GENERATOR(ROWCOUNT => %d))`,
				table, shard, record.Base(shard), rows))
		}
	}
	expected := map[string]landingaudit.Expected{
		one: {Ledger: rawzone.Ledger{Shard: one, Ordinal: many, Records: many}, Stream: -1},
		two: {Ledger: rawzone.Ledger{Shard: two, Ordinal: base + 100, Records: 100}, Stream: -1},
	}
	for _, c := range []struct {
		name, do, undo string
		want           int64
	}{
		{"nothing", "", "", 0},
		{"a value", `UPDATE %s SET "STATUS" = 'FAIL' WHERE "_ORDINAL" = 1`, `UPDATE %s SET "STATUS" = 'OK' WHERE "_ORDINAL" = 1`, 2},
		{"a value in the last slice", `UPDATE %s SET "STATUS" = 'FAIL' WHERE "_ORDINAL" = 1200000`, `UPDATE %s SET "STATUS" = 'OK' WHERE "_ORDINAL" = 1200000`, 2},
		{"a value of the other shard", fmt.Sprintf(`UPDATE %%s SET "CURRENTTEMPERATURE" = 65 WHERE "_ORDINAL" = %d`, base+7), fmt.Sprintf(`UPDATE %%s SET "CURRENTTEMPERATURE" = 64 WHERE "_ORDINAL" = %d`, base+7), 2},
		{"a row is there twice", `INSERT INTO %[1]s SELECT * FROM %[1]s WHERE "_ORDINAL" = 600000`, "", 0},
		{"and one of them differs", `INSERT INTO %[1]s SELECT 2, 64, 'OK', "_SHARD", "_SEQUENCE", 0, "_ORDINAL", "_ARRIVED_AT", "_GENERATION" FROM (SELECT DISTINCT * FROM %[1]s WHERE "_ORDINAL" = 600000)`,
			`DELETE FROM %s WHERE "_ORDINAL" = 600000`, 1},
		{"that row is gone", "", "", 1},
		{"one more is gone, at the end of a slice", `DELETE FROM %s WHERE "_ORDINAL" = 500000`, "", 2},
		{"a row too many, far behind", `INSERT INTO %s SELECT 1, 64, 'OK', 'shardId-000000000000', '495', 0, 9999999, '2026-01-01 00:00:00', NULL`, "", 3},
		{"a shard is gone", `DELETE FROM %s WHERE "_SHARD" = 'shardId-000000000001'`, "", 103},
	} {
		if c.do != "" {
			exec(fmt.Sprintf(c.do, both[1]))
		}
		// The other way round a row that only the other table has is as different.
		for _, names := range []schema.Names{n, swapped(n)} {
			report, err := landingaudit.Run(t.Context(), db, names, expected)
			if err != nil {
				t.Fatal(err)
			}
			if report.Different != c.want {
				t.Errorf("%s: %d different, want %d", c.name, report.Different, c.want)
			}
		}
		if c.undo != "" {
			exec(fmt.Sprintf(c.undo, both[1]))
		}
	}
}

func swapped(n schema.Names) schema.Names {
	n.Streaming, n.Microbatch = n.Microbatch, n.Streaming
	return n
}
