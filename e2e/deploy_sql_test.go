package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/local/warehouse"
	"github.com/snowstream/snowstream/record"
)

const (
	deployerPassword = "a password of the deployer"
	deployAccount    = "snowstream"
)

// startWarehouse is an empty account with one person in it.
func startWarehouse(t *testing.T, c warehouse.Config) string {
	t.Helper()
	c.Dir, c.Account, c.Region, c.AccessKeyID, c.SecretAccessKey = t.TempDir(), deployAccount, "us-east-1", "local", "local"
	if c.AccountID == "" {
		c.AccountID = "000000000000"
	}
	c.Users = []warehouse.User{{Name: "DEPLOYER", Password: deployerPassword, DefaultRole: "ACCOUNTADMIN"}}
	w, err := warehouse.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(w)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		front.Close()
	})
	return front.URL
}

func openDeployer(t *testing.T, endpoint string) *snowflake.DB {
	t.Helper()
	db, err := snowflake.Open(snowflake.Config{Account: deployAccount, User: "DEPLOYER", Password: deployerPassword, Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestDeploySQL runs every statement of a deployment on the local warehouse: each can be run twice, each probe says no
// before and yes after it, the user's key signs in, and the undo takes all of it back.
func TestDeploySQL(t *testing.T) {
	endpoint := startWarehouse(t, warehouse.Config{S3Endpoint: "http://127.0.0.1:1"})
	db := openDeployer(t, endpoint)
	first, second := newKeyPair(t), newKeyPair(t)
	l := schema.Landing{
		Names: schema.Defaults(), Schema: record.Sensor(), Database: true, MakeWarehouse: true, Warehouse: "WH", Role: "WRITER", User: "UPSERT",
		Operator: "OPERATOR", Auditor: "AUDITOR", Login: schema.Login{PublicKey: first.public}, Bucket: "b", StorageRole: "arn:aws:iam::000000000000:role/r", ExternalID: "ours",
		Mark: schema.MarkOf("000000000000/us-east-1/snowstream", "arn:s", "b"),
	}
	statements, err := l.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	statements = append(statements, l.Connect()...)
	for _, s := range statements {
		if s.Probe.Within == "" || s.Kind == "GRANT" && !strings.Contains(s.Name, "ROLE") {
			checkProbe(t, db, s, false)
		}
		for range 2 {
			if _, err := db.Exec(t.Context(), s.SQL); err != nil {
				t.Fatalf("%s: %v", s.SQL, err)
			}
		}
		checkProbe(t, db, s, true)
		rows, err := db.Show(t.Context(), s.Probe.Show)
		ours, theirs := s.Foreign(l.Mark, rows), s.Foreign(schema.MarkOf("other", "", ""), rows)
		if err != nil || ours != "" || s.Kind != "GRANT" && theirs != l.Mark {
			t.Errorf("%s %s: its own mark is foreign: %q; to others it is %q", s.Kind, s.Name, ours, theirs)
		}
	}
	described, err := db.Show(t.Context(), schema.DescribeIntegration(l.Names))
	if err != nil || property(described, "property", "property_value", "STORAGE_AWS_EXTERNAL_ID") != "ours" {
		t.Errorf("the integration: %v, %v", described, err)
	}
	for _, s := range append(append(schema.PipeOwnerGrants(l.Names, "OPERATOR"), l.DeployerGrants("OPERATOR")...),
		schema.SetKey(l.User, second.public, 2), schema.UnsetIdentity(l.User)) {
		if _, err := db.Exec(t.Context(), s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	if rows, err := db.Show(t.Context(), schema.Validate(l.Names, l.Bucket)); err != nil || len(rows) != 1 {
		t.Errorf("validate: %v, %v", rows, err)
	}
	signsIn(t, endpoint, l, first.private, true)
	signsIn(t, endpoint, l, second.private, true)
	if _, err := db.Exec(t.Context(), schema.UnsetKey(l.User, 1)); err != nil {
		t.Error(err)
	}
	signsIn(t, endpoint, l, second.private, true)
	user, err := db.Show(t.Context(), schema.DescribeUser(l.User))
	if err != nil || property(user, "property", "value", "RSA_PUBLIC_KEY_FP") != "null" || !strings.HasPrefix(property(user, "property", "value", "RSA_PUBLIC_KEY_2_FP"), "SHA256:") {
		t.Errorf("the user's keys: %v, %v", user, err)
	}
	undoAll(t, db, l, statements)
}

func undoAll(t *testing.T, db *snowflake.DB, l schema.Landing, statements []schema.Statement) {
	t.Helper()
	undo, err := l.Undo(true)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, s := range undo {
			if _, err := db.Exec(t.Context(), s); err != nil {
				t.Errorf("%s: %v", s, err)
			}
		}
	}
	for _, s := range statements {
		if s.Undo != "" {
			checkProbe(t, db, s, false)
		}
	}
}

func checkProbe(t *testing.T, db *snowflake.DB, s schema.Statement, want bool) {
	t.Helper()
	rows, err := db.Show(t.Context(), s.Probe.Show)
	if err != nil || s.Probe.Found(rows) != want {
		t.Errorf("%s %s is there: %t wanted, not so in %v (%s: %v)", s.Kind, s.Name, want, rows, s.Probe.Show, err)
	}
}

// TestDeploySQLRefused: the other login, and what is refused.
func TestDeploySQLRefused(t *testing.T) {
	db := openDeployer(t, startWarehouse(t, warehouse.Config{}))
	for statement, ok := range map[string]bool{
		`CREATE USER A TYPE = SERVICE WORKLOAD_IDENTITY = (TYPE = AWS ARN = 'arn:aws:iam::000000000000:role/r')`: true,
		`CREATE USER B TYPE = SERVICE PASSWORD = 'x'`:                                                            false,
		`CREATE USER C TYPE = SERVICE RSA_PUBLIC_KEY = 'x'`:                                                      false,
		`CREATE USER D TYPE = SERVICE RSA_PUBLIC_KYE = 'x'`:                                                      false,
		`CREATE WAREHOUSE E AUTO_SUSPENT = 60`:                                                                   false,
		`CREATE ROLE F SIZE = 1`:                                                                                 false,
	} {
		if _, err := db.Exec(t.Context(), statement); (err == nil) != ok {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// keyPair is a private key and its public half as Snowflake takes it.
type keyPair struct {
	private *rsa.PrivateKey
	public  string
}

func newKeyPair(t *testing.T) keyPair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{key, base64.StdEncoding.EncodeToString(der)}
}

// signsIn signs in as the writer and looks at its table, as the function does.
func signsIn(t *testing.T, endpoint string, l schema.Landing, key *rsa.PrivateKey, want bool) {
	t.Helper()
	db, err := snowflake.Open(snowflake.Config{Account: deployAccount, User: l.User, PrivateKey: key, Role: l.Role, Warehouse: l.Warehouse, Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(t.Context(), "SELECT COUNT(*) FROM "+l.Names.In(l.Names.Streaming)); (err == nil) != want {
		t.Errorf("sign in with a key: %v", err)
	}
}

func property(rows []map[string]string, key, value, name string) string {
	for _, r := range rows {
		if r[key] == name {
			return r[value]
		}
	}
	return ""
}
