//lint:file-ignore SA1019 the driver may reorganize its time-outs, and has no others yet

package snowflake

import (
	"net"
	"strconv"
	"testing"
	"time"
)

// TestLimits: each wait ends before the one around it, and all before the function does.
func TestLimits(t *testing.T) {
	for _, within := range []time.Duration{30 * time.Second, 240 * time.Second, 900 * time.Second} {
		cfg, err := Config{Account: "a", User: "u", Password: "p", Within: within}.driver()
		if err != nil {
			t.Fatal(err)
		}
		statement, err1 := strconv.Atoi(*cfg.Params["STATEMENT_TIMEOUT_IN_SECONDS"])
		lock, err2 := strconv.Atoi(*cfg.Params["LOCK_TIMEOUT"])
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		ordered := lock < statement && time.Duration(statement)*time.Second < cfg.RequestTimeout && cfg.LoginTimeout+cfg.RequestTimeout < within && cfg.LoginTimeout <= maxSignIn
		if !ordered || lock < 1 || cfg.JWTClientTimeout <= 0 {
			t.Errorf("within %s: lock %d s, statement %d s, request %s, sign-in %s", within, lock, statement, cfg.RequestTimeout, cfg.LoginTimeout)
		}
	}
	if cfg, err := (Config{Account: "a", User: "u", Password: "p"}).driver(); err != nil || cfg.Params != nil || cfg.LoginTimeout != 0 {
		t.Errorf("without a bound: %v, %v", cfg.Params, err)
	}
}

// TestSignInEnds: a port that refuses is given up on within the bound; the driver by itself takes minutes.
func TestSignInEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	const within = 10 * time.Second
	db, err := Open(Config{Account: "a", User: "u", Password: "p", Endpoint: "http://" + address, Within: within})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	began := time.Now()
	if _, err := db.Exec(t.Context(), "SELECT 1"); err == nil || time.Since(began) > within {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}
