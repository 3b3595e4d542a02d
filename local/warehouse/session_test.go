package warehouse

import (
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"testing"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"
)

func TestLogin(t *testing.T) {
	key, other := newKey(t), newKey(t)
	st := newStack(t, func(c *Config) {
		c.Users = append(c.Users, User{Name: "keyed", PublicKey: &key.PublicKey, Database: "DB", Schema: "S"})
	})
	tests := []struct {
		name   string
		change func(*sf.Config)
		number int
	}{
		{"password", func(*sf.Config) {}, 0},
		{"wrong password", func(c *sf.Config) { c.Password = "wrong" }, 390100},
		{"unknown user", func(c *sf.Config) { c.User = "nobody" }, 390100},
		{"password of a user without one", func(c *sf.Config) { c.User = "keyed" }, 390100},
		{"key pair", func(c *sf.Config) { c.User, c.Authenticator, c.PrivateKey = "keyed", sf.AuthTypeJwt, key }, 0},
		{"another key", func(c *sf.Config) { c.User, c.Authenticator, c.PrivateKey = "keyed", sf.AuthTypeJwt, other }, 390144},
		{"another account", func(c *sf.Config) {
			c.User, c.Authenticator, c.PrivateKey, c.Account = "keyed", sf.AuthTypeJwt, key, "else"
		}, 390144},
		{"key pair of a password user", func(c *sf.Config) { c.Authenticator, c.PrivateKey = sf.AuthTypeJwt, key }, 390144},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			db := st.connect(test.change)
			if test.number != 0 {
				wantError(t, db, test.number, "SELECT 1")
				return
			}
			wantLines(t, db, "SELECT 1", "1")
		})
	}
}

// TestLoginOfCreatedUser: a user of CREATE USER signs in with the key of either slot, and with no other.
func TestLoginOfCreatedUser(t *testing.T) {
	first, second, other := newKey(t), newKey(t), newKey(t)
	st := newStack(t)
	admin := st.connect()
	exec(t, admin, "CREATE USER made TYPE = SERVICE DEFAULT_NAMESPACE = DB.S RSA_PUBLIC_KEY = '"+publicText(t, first)+"'")
	exec(t, admin, "ALTER USER made SET RSA_PUBLIC_KEY_2 = '"+publicText(t, second)+"'")
	as := func(key *rsa.PrivateKey) *sql.DB {
		return st.connect(func(c *sf.Config) { c.User, c.Authenticator, c.PrivateKey = "made", sf.AuthTypeJwt, key })
	}
	wantLines(t, as(first), "SELECT CURRENT_SCHEMA()", "S")
	wantLines(t, as(second), "SELECT 1", "1")
	wantError(t, as(other), 390144, "SELECT 1")
	exec(t, admin, "ALTER USER made UNSET RSA_PUBLIC_KEY")
	wantError(t, as(first), 390144, "SELECT 1")
	wantLines(t, as(second), "SELECT 1", "1")
	wantError(t, st.connect(func(c *sf.Config) { c.User = "made" }), 390100, "SELECT 1")
	exec(t, admin, "DROP USER made")
	wantError(t, as(second), 390144, "SELECT 1")
}

// publicText is the public half of a key as CREATE USER takes it.
func publicText(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestSession(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	db.SetMaxOpenConns(1)
	wantLines(t, db, "SELECT CURRENT_DATABASE(), CURRENT_SCHEMA(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_USER()", "DB|S|LOADER|WH|TESTER")
	exec(t, db, "CREATE SCHEMA other")
	wantLines(t, db, "SELECT CURRENT_SCHEMA()", "OTHER")
	exec(t, db, "USE SCHEMA s")
	exec(t, db, "USE ROLE boss")
	wantLines(t, db, "SELECT CURRENT_SCHEMA(), CURRENT_ROLE()", "S|BOSS")
	wantError(t, db, 2043, "USE DATABASE nowhere")
	exec(t, db, "SET x = 41 + 1")
	exec(t, db, "SET y = 'it''s \\\\'")
	wantLines(t, db, `SELECT $x, $y`, `42|it's \`)
	exec(t, db, "ALTER SESSION SET QUERY_TAG = 'tag'")
	if got := lines(t, db, "SHOW PARAMETERS LIKE 'QUERY_TAG'"); len(got) != 1 || got[0][:13] != "QUERY_TAG|tag" {
		t.Errorf("parameters %q", got)
	}
}

// A session whose token is over is renewed by the driver without the user's doing; one whose master token is over is not.
func TestRenewal(t *testing.T) {
	st := newStack(t, func(c *Config) { c.tokenValidity, c.masterValidity = 300*time.Millisecond, time.Hour })
	db := st.connect()
	db.SetMaxOpenConns(1)
	exec(t, db, "CREATE TABLE t (a int)")
	deadline := time.Now().Add(2 * time.Second)
	for n := 0; time.Now().Before(deadline); n++ {
		exec(t, db, "INSERT INTO t VALUES (1)")
	}
	over := newStack(t, func(c *Config) { c.tokenValidity, c.masterValidity = time.Hour, 200*time.Millisecond })
	db = over.connect()
	db.SetMaxOpenConns(1)
	wantLines(t, db, "SELECT 1", "1")
	waitFor(t, func() bool {
		_, err := db.ExecContext(ctx(t), "SELECT 2")
		if err == nil {
			time.Sleep(250 * time.Millisecond) // the idle time is what is tested
		}
		return err != nil
	})
	wantError(t, db, 390114, "SELECT 1")
}

// waitFor polls until done says so.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("still waiting after 10 s")
		}
		time.Sleep(2 * time.Millisecond)
	}
}
