package schema

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snowstream/snowstream/record"
)

func landing() Landing {
	return Landing{
		Names: Defaults(), Schema: record.Sensor(), Database: true, MakeWarehouse: true,
		Warehouse: "SNOWSTREAM_WH", Role: "SNOWSTREAM_WRITER", User: "SNOWSTREAM_UPSERT", Operator: "SNOWSTREAM_OPERATOR", Auditor: "SNOWSTREAM_AUDITOR",
		Login:  Login{RoleARN: "arn:aws:iam::123456789012:role/snowstream-upsert"},
		Bucket: "my-bucket", StorageRole: "arn:aws:iam::123456789012:role/snowstream-snowflake-storage", ExternalID: "snowstream_x",
	}
}

// TestLandingGolden holds all that a deployment may send, with its reasons.
func TestLandingGolden(t *testing.T) {
	l := landing()
	prepare, err := l.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	write := func(title string, statements ...string) {
		b.WriteString("-- " + title + "\n" + strings.Join(statements, ";\n") + ";\n\n")
	}
	for _, s := range append(prepare, l.Connect()...) {
		write(s.Kind+" "+s.Name+": "+s.Why, s.SQL)
		write("probe", s.Probe.Show)
	}
	undo, err := l.Undo(false)
	if err != nil {
		t.Fatal(err)
	}
	write("undo, data kept", undo...)
	if undo, err = l.Undo(true); err != nil {
		t.Fatal(err)
	}
	write("undo, data deleted", undo...)
	write("deployer, everything made", l.DeployerGrants("DEPLOYER")...)
	l.Database, l.MakeWarehouse = false, false
	write("deployer, into what is there", l.DeployerGrants("DEPLOYER")...)
	write("pipe owner", PipeOwnerGrants(l.Names, "PIPE_OWNER")...)
	key, err := SetLogin(l.User, Login{PublicKey: "MIIB"})
	if err != nil {
		t.Fatal(err)
	}
	write("keys", key, SetKey(l.User, "MIIC", 2), UnsetKey(l.User, 1), UnsetIdentity(l.User), DescribeUser(l.User))
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	write("refresh", Refresh(l.Names, now.Add(-time.Hour), now), Refresh(l.Names, now.AddDate(0, -1, 0), now))
	write("looking", DescribeIntegration(l.Names), Validate(l.Names, l.Bucket))
	const file = "testdata/landing.sql"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (run with -update if this is meant):\n%s", file, diff)
	}
}

// TestUndoKeepsData: no statement that drops rows, a database or a schema, unless rows were named; never the latter.
func TestUndoKeepsData(t *testing.T) {
	for _, data := range []bool{false, true} {
		undo, err := landing().Undo(data)
		if err != nil {
			t.Fatal(err)
		}
		tables := 0
		for _, s := range undo {
			if strings.Contains(s, "DROP DATABASE") || strings.Contains(s, "DROP SCHEMA") {
				t.Error(s)
			}
			if strings.Contains(s, "DROP TABLE") {
				tables++
			}
		}
		if want := map[bool]int{false: 0, true: 2}[data]; tables != want {
			t.Errorf("data %t: %d tables dropped, want %d", data, tables, want)
		}
	}
}

func TestLoginRefused(t *testing.T) {
	for _, login := range []Login{{}, {RoleARN: "r", PublicKey: "k"}} {
		l := landing()
		l.Login = login
		if _, err := l.Prepare(); !errors.Is(err, ErrLogin) || !strings.Contains(err.Error(), "password is refused") {
			t.Errorf("%+v: %v", login, err)
		}
	}
}

func TestProbe(t *testing.T) {
	p := grant("SELECT, INSERT", "FILE FORMAT", `"D"."S"."F"`, "R", "")[0].Probe
	for _, tt := range []struct {
		row  map[string]string
		want bool
	}{
		{map[string]string{"privilege": "SELECT", "granted_on": "FILE_FORMAT", "name": "D.S.F", "more": "x"}, true},
		{map[string]string{"privilege": "SELECT", "granted_on": "FILE FORMAT", "name": `"D"."S"."F"`}, true},
		{map[string]string{"privilege": "USAGE", "granted_on": "FILE_FORMAT", "name": "D.S.F"}, false},
		{map[string]string{"privilege": "SELECT", "granted_on": "FILE_FORMAT", "name": "D.S.G"}, false},
		{nil, false},
	} {
		if got := p.Found([]map[string]string{tt.row}); got != tt.want {
			t.Errorf("%v: %t", tt.row, got)
		}
	}
}
