package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestRefusedByDestination: a row that both tables refuse does not hold up its shard. It waits in quarantine with the error's
// number, both tables have all others, the audit is content, and once the tables are wider a replay brings it to both.
func TestRefusedByDestination(t *testing.T) {
	for _, path := range rowPaths {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			refusedByDestination(t, path)
		})
	}
}

func refusedByDestination(t *testing.T, path string) {
	dir := t.TempDir()
	l, o := quiet(t, dir, by(path)...)
	alter := func(digits string) {
		for _, table := range both {
			if _, err := o.db.ExecContext(t.Context(), "ALTER TABLE "+table+" ALTER COLUMN currenttemperature SET DATA TYPE NUMBER("+digits+",0)"); err != nil {
				t.Fatal(err)
			}
		}
	}
	alter("4")
	row := func(n int, temperature int) string {
		return fmt.Sprintf(`{"sensorId":%d,"currentTemperature":%d,"status":"OK"}`, n, temperature)
	}
	var payloads []string
	for i := range 60 {
		temperature := i
		if i%20 == 7 {
			temperature = 1_000_000 + i
		}
		payloads = append(payloads, row(i, temperature))
	}
	o.put(t, payloads)
	for _, table := range both {
		o.until(t, 57, "SELECT COUNT(*) FROM "+table)
	}
	deadline := time.Now().Add(3 * time.Minute) // what Snowpipe Streaming has rejected is looked for once a minute
	for len(quarantineOf(t, dir)) < 3 {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows in quarantine", len(quarantineOf(t, dir)))
		}
		time.Sleep(100 * time.Millisecond)
	}
	for i, e := range quarantineOf(t, dir) {
		if e.Reason.Code != "refused_by_destination" || e.Reason.Number == 0 || e.Ordinal != int64(20*i+8) {
			t.Errorf("%+v", e)
		}
		if got := command(t, "quarantine", "show", "--data", dir, "--ordinal", fmt.Sprint(e.Ordinal)); path == "merge" && got != payloads[e.Ordinal-1] || !strings.Contains(got, fmt.Sprint(1_000_000+20*i+7)) {
			t.Errorf("ordinal %d is kept as %q", e.Ordinal, got)
		}
	}
	var p proof
	if code := audit(t, dir, &p, "--deep"); code != 0 || p.Shards[0].Quarantined != 3 {
		t.Errorf("audit: exit %d, %+v", code, p)
	}
	o.put(t, []string{row(100, 5)}) // the shard goes on
	for _, table := range both {
		o.until(t, 58, "SELECT COUNT(*) FROM "+table)
	}
	command(t, "quarantine", "replay", "--data", dir) // the tables still refuse them
	if n := o.number(t, "SELECT COUNT(*) FROM "+both[0]); n != 58 {
		t.Errorf("%d rows after a replay that could not bring any", n)
	}
	alter("38")
	for range 2 {
		command(t, "quarantine", "replay", "--data", dir)
		for _, table := range both {
			if n := o.number(t, "SELECT COUNT(*) FROM "+table); n != 61 {
				t.Errorf("%s has %d rows after the replay", table, n)
			}
		}
	}
	if code := audit(t, dir, &p, "--deep"); code != 0 || p.Shards[0].Quarantined != 0 {
		t.Errorf("audit after the replay: exit %d, %+v", code, p)
	}
	r := l.stop(t)
	r.complete(t)
}
