package warehouse

import (
	"encoding/json"
	"fmt"
	"testing"
)

const upsertText = `MERGE INTO "DB"."S"."STREAMING" AS t USING (
	SELECT f.value[0]::STRING::NUMBER(38,0) AS "SENSORID", f.value[1]::STRING AS "STATUS", f.value[2]::STRING AS "_SHARD",
		f.value[3]::STRING::NUMBER(38,0) AS "_ORDINAL", f.value[4]::STRING::TIMESTAMP_NTZ AS "_ARRIVED_AT"
	FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f
	QUALIFY ROW_NUMBER() OVER (PARTITION BY "_SHARD", "_ORDINAL" ORDER BY 1) = 1
) AS s ON t."_SHARD" = s."_SHARD" AND t."_ORDINAL" = s."_ORDINAL" AND t."_ORDINAL" >= ?
WHEN NOT MATCHED THEN INSERT ("SENSORID", "STATUS", "_SHARD", "_ORDINAL", "_ARRIVED_AT")
	VALUES (s."SENSORID", s."STATUS", s."_SHARD", s."_ORDINAL", s."_ARRIVED_AT")`

// The statement with which the pipeline writes: exact values, no row twice, and a repeat changes nothing.
func TestUpsert(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, `CREATE TABLE streaming (sensorid int, status string, _shard string, _ordinal int, _arrived_at timestamp_ntz)`)
	const n = 2000
	var rows [][]any
	for i := range n {
		rows = append(rows, []any{"9007199254740993", "a\"b\r\n", "shardId-000000000000", fmt.Sprint(i + 1), "2026-01-02 03:04:05.678"})
	}
	rows[7][0], rows[7][1] = nil, ""
	rows = append(rows, rows[3])
	payload, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{n, 0} {
		if got, _ := exec(t, db, upsertText, string(payload), 1).RowsAffected(); got != want {
			t.Errorf("rows affected %d, want %d", got, want)
		}
	}
	wantLines(t, db, "SELECT COUNT(*), MAX(_ordinal), MIN(sensorid)::STRING, COUNT(sensorid), MIN(status) FROM streaming", fmt.Sprintf("%d|%d|9007199254740993|%d|", n, n, n-1))
	wantLines(t, db, "SELECT status, _arrived_at FROM streaming WHERE _ordinal = 1", "a\"b\r\n|2026-01-02T03:04:05.678Z")
}
