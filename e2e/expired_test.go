package e2e

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/snowstream/snowstream/internal/long"
	landingaudit "github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// reads switches the event source mapping on or off, and waits until it has noticed.
func (o outside) reads(t *testing.T, on bool) {
	t.Helper()
	all, err := o.lambda.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
	if err != nil || len(all.EventSourceMappings) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	id := all.EventSourceMappings[0].UUID
	if _, err := o.lambda.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: id, Enabled: &on}); err != nil {
		t.Fatal(err)
	}
	want := map[bool]string{true: "Enabled", false: "Disabled"}[on]
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		now, err := o.lambda.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: id})
		if err == nil && aws.ToString(now.State) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the mapping is %v, %v, want %s", now, err, want)
		}
	}
}

// TestAuditExpired: where nothing was read for as long as the stream keeps its records, the audit names the positions
// between which some may have gone (F08). A stream that was only quiet for as long is not named. Retention is at least a
// day, so the audit is told a shorter one.
func TestAuditExpired(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o := quiet(t, dir)
	const period = 8 * time.Second
	lands := func(i int) (sequence string) {
		t.Helper()
		o.until(t, 1, `SELECT COUNT(*) FROM `+both[0]+` WHERE currenttemperature = `+strconv.Itoa(i))
		if err := o.db.QueryRowContext(t.Context(), `SELECT "_SEQUENCE" FROM `+both[0]+` WHERE currenttemperature = ?`, i).Scan(&sequence); err != nil {
			t.Fatal(err)
		}
		return sequence
	}
	o.put(t, []string{plain(9001)})
	lands(9001)
	time.Sleep(period) // a quiet time, which is no fault
	o.put(t, []string{plain(9002)})
	before := lands(9002)
	o.reads(t, false)
	o.put(t, []string{plain(9003)})
	time.Sleep(period) // what expired in this time is what the audit cannot know
	o.reads(t, true)
	behind := lands(9003)
	db, err := snowflake.Open(snowflake.Config{
		Account: o.Account, User: o.User, Password: o.Password, Endpoint: o.Snowflake, Database: o.Database, Schema: o.Schema,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for age, want := range map[time.Duration]string{time.Hour: before + " " + behind, period / 2: ""} {
		p, err := landingaudit.New(landingaudit.Config{
			Session: db, Names: schema.Defaults(), Schema: record.Sensor(), Lake: o.lake(), Stream: o.Stream, Grace: time.Hour,
			Retention: landingaudit.Retention{Period: period, Created: time.Now().Add(-age)},
			Landed: func(ctx context.Context, _ []string, _ rawzone.Seals) (map[string]landingaudit.Landed, error) {
				head, err := o.lake().Ledger(ctx, o.Stream, "shardId-000000000000")
				return map[string]landingaudit.Landed{"shardId-000000000000": {Ledger: head.Ledger}}, err
			},
		}).Audit(t.Context())
		got := ""
		for _, f := range p.Findings {
			if f.Kind != landingaudit.Pending {
				got += f.FirstSequence + " " + f.LastSequence
			}
		}
		if err != nil || got != want {
			t.Errorf("a stream of age %v: %q, want %q, %v: %+v", age, got, want, err, p.Findings)
		}
	}
	l.stop(t).complete(t)
}
