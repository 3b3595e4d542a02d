// Package snowflake opens authenticated sessions with Snowflake through the official driver, and keeps them usable:
// a session that the service has ended is replaced, and what the driver says of an error is cut down to what may be
// logged.
package snowflake

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"
)

// Config says where to connect and as whom.
type Config struct {
	// Account is the account identifier, such as myorg-myaccount.
	Account string
	User    string
	// WorkloadIdentity signs in as the AWS role that the process runs under: there is no secret at all. The user must
	// have been made with WORKLOAD_IDENTITY = (TYPE = AWS ARN = '<role>').
	WorkloadIdentity bool
	// PrivateKey signs the login (key pair); without it Password is used, which Snowflake refuses for service users.
	PrivateKey *rsa.PrivateKey
	Password   string
	// Role, Warehouse, Database and Schema are the session's; empty takes the user's defaults.
	Role, Warehouse, Database, Schema string
	// Endpoint replaces https://<account>.snowflakecomputing.com, for PrivateLink and for a local warehouse.
	Endpoint string
	// Within bounds what one call may take: signing in, a request, a statement, and its wait for a lock all end before it. 0 leaves
	// them to the driver and the account, which wait for minutes to days.
	Within time.Duration
	// Sessions bounds how many connections are open at once; 0 means 1.
	Sessions int
}

// DB is a small pool of sessions. It is safe for concurrent use.
type DB struct {
	pool *sql.DB
}

// Open prepares a pool; the first statement logs in.
func Open(c Config) (*DB, error) {
	cfg, err := c.driver()
	if err != nil {
		return nil, err
	}
	// The driver would print each failed statement to stderr; errors are returned, and their reader logs them.
	if err := sf.GetLogger().SetLogLevel("off"); err != nil {
		return nil, fmt.Errorf("quieten the Snowflake driver: %w", err)
	}
	pool := sql.OpenDB(sf.NewConnector(sf.SnowflakeDriver{}, cfg))
	pool.SetMaxOpenConns(max(c.Sessions, 1))
	pool.SetMaxIdleConns(max(c.Sessions, 1))
	return &DB{pool}, nil
}

func (c Config) driver() (sf.Config, error) {
	cfg := sf.Config{
		Account: c.Account, User: c.User, Role: c.Role, Warehouse: c.Warehouse, Database: c.Database, Schema: c.Schema,
		Application: "snowstream",
	}
	c.limit(&cfg)
	switch {
	case c.Account == "" || c.User == "":
		return cfg, errors.New("a Snowflake account and a user are needed")
	case c.WorkloadIdentity:
		cfg.Authenticator, cfg.WorkloadIdentityProvider = sf.AuthTypeWorkloadIdentityFederation, "AWS"
	case c.PrivateKey != nil:
		cfg.Authenticator, cfg.PrivateKey = sf.AuthTypeJwt, c.PrivateKey
	case c.Password != "":
		cfg.Password = c.Password
	default:
		return cfg, fmt.Errorf("user %s has neither a workload identity, nor a private key, nor a password", c.User)
	}
	return cfg, c.endpoint(&cfg)
}

// The parts of Within. A request may be tried again until its part is over; what it waits for is the statement.
const (
	maxSignIn = 30 * time.Second
	// margin is what is left for whoever called to say what happened.
	margin = 10
)

// limit sets the driver's time-outs and the session's. A statement ends before the request that waits for it, and its wait for a
// lock before the statement, so that the error says which it was.
func (c Config) limit(cfg *sf.Config) {
	if c.Within <= 0 {
		return
	}
	part := c.Within / margin
	signIn := min(maxSignIn, 2*part)
	request := c.Within - signIn - part // a session may have to be opened first
	seconds := func(d time.Duration) *string {
		text := strconv.Itoa(max(1, int(d.Seconds())))
		return &text
	}
	//lint:ignore SA1019 they are called deprecated because they may be reorganized, and nothing takes their place yet
	cfg.LoginTimeout, cfg.JWTClientTimeout, cfg.ClientTimeout, cfg.RequestTimeout = signIn, signIn/2, request, request
	cfg.Params = map[string]*string{"STATEMENT_TIMEOUT_IN_SECONDS": seconds(request - part), "LOCK_TIMEOUT": seconds(request - 2*part)}
}

func (c Config) endpoint(cfg *sf.Config) error {
	if c.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("the Snowflake endpoint %q is not a URL such as https://host:443", c.Endpoint)
	}
	cfg.Protocol, cfg.Host = u.Scheme, u.Hostname()
	if cfg.Port, err = strconv.Atoi(u.Port()); err != nil {
		cfg.Port = map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	// Plain http, which only a local warehouse speaks, has no certificate to be revoked.
	cfg.DisableOCSPChecks = u.Scheme == "http"
	return nil
}

// EncryptedKey is the PEM type of a private key that needs a passphrase.
const EncryptedKey = "ENCRYPTED PRIVATE KEY"

// ParseKey reads a private key in PEM: PKCS#8, as Snowflake's documentation has users make it, or PKCS#1. It knows no passphrase: a
// function's would have to lie beside the key, in the secret that protects both.
func ParseKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the private key is not PEM: it starts with -----BEGIN PRIVATE KEY-----")
	}
	if block.Type == EncryptedKey || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("the private key is encrypted, and here it has to be as it is: `openssl pkcs8 -topk8 -nocrypt -in KEY` decrypts it")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the private key is not a PKCS#8 key")
	}
	if key, ok := key.(*rsa.PrivateKey); ok {
		return key, nil
	}
	return nil, errors.New("the private key is not RSA, which is what Snowflake takes")
}

// Close ends all sessions.
func (db *DB) Close() error { return db.pool.Close() }

// Exec runs a statement that changes something.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	err = db.do(ctx, harmless(query, args), func(c *sql.Conn) error {
		result, err = c.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

// Query runs a query and calls row for each row of the answer.
func (db *DB) Query(ctx context.Context, row func(scan func(into ...any) error) error, query string, args ...any) error {
	return db.do(ctx, harmless(query, args), func(c *sql.Conn) error {
		rows, err := c.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// Show runs a SHOW or DESC and returns its rows as text by column name. Their columns grow with Snowflake's releases,
// so they are asked for by name and never by place; NULL is "".
func (db *DB) Show(ctx context.Context, query string) (out []map[string]string, err error) {
	err = db.do(ctx, harmless(query, nil), func(c *sql.Conn) error {
		rows, err := c.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		cells := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return err
			}
			row := make(map[string]string, len(names))
			for i, name := range names {
				row[name] = cells[i].String
			}
			out = append(out, row)
		}
		return rows.Err()
	})
	return out, err
}

// do runs f on a session. Where the session turns out to have ended, which happens after four idle hours, f has not
// run: the session is thrown away and f runs once more on a new one. shown says that what Snowflake says of f's
// statements holds no values.
func (db *DB) do(ctx context.Context, shown bool, f func(*sql.Conn) error) error {
	ended, err := db.once(ctx, f)
	if ended {
		_, err = db.once(ctx, f)
	}
	return safe(err, shown)
}

func (db *DB) once(ctx context.Context, f func(*sql.Conn) error) (ended bool, err error) {
	c, err := db.pool.Conn(ctx)
	if err != nil {
		return false, safe(err, true) // no statement yet, so nothing of one
	}
	defer c.Close()
	err = f(c)
	if ended = sessionEnded(err); ended {
		_ = c.Raw(func(any) error { return driver.ErrBadConn }) // tells database/sql not to use it again
	}
	return ended, err
}

// The numbers with which the service says that a session is over. The driver renews a session that has only
// expired (390112) by itself.
const (
	sessionInvalid     = 390104
	sessionGone        = 390111
	masterTokenMissing = 390113
	masterTokenExpired = 390114
	masterTokenInvalid = 390115
)

func sessionEnded(err error) bool {
	var e *sf.SnowflakeError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Number {
	case sessionInvalid, sessionGone, masterTokenMissing, masterTokenExpired, masterTokenInvalid:
		return true
	}
	return false
}
