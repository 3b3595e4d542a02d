// Package stack is the whole drawing on one machine: the four local services, the objects that the pipeline needs in
// them, and the settings by which any client reaches it.
//
// It does by hand what a deployment does in the user's accounts, in the same order and through the same protocols:
// stream, bucket, tables, integration, stage, pipe, notification, event source mapping. Everything lies in one data
// folder and is found again by the next start.
package stack

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
	"github.com/snowstream/snowstream/record/schemafile"
)

// What is the same for every local stack.
const (
	Region    = "us-east-1"
	AccountID = "000000000000"
	// AccessKeyID and SecretAccessKey are no secret: the local services ask for a signature and do not check whose.
	AccessKeyID     = "local"
	SecretAccessKey = "local"
	Stream          = "kdEntry"
	Bucket          = "snowstream-raw"
	Orchestrator    = "SnowflakeOrchestrator"
	Upsert          = "SnowflakeUpsert"
	Account         = "snowstream"
	// Person is the user that people sign in as, with the password; Loader is Upsert's, with the key pair.
	Person    = "SNOWSTREAM"
	Loader    = "SNOWSTREAM_LOADER"
	Role      = "SNOWSTREAM_ROLE"
	Warehouse = "SNOWSTREAM_WH"
)

// roleARN is the role that Snowflake would take on to read the bucket.
const roleARN = "arn:aws:iam::" + AccountID + ":role/snowstream-snowflake-storage"

// Settings are what a client needs to reach a running stack. They lie in the data folder, readable by its owner only.
type Settings struct {
	Kinesis string `json:"kinesis"`
	S3      string `json:"s3"`
	Lambda  string `json:"lambda"`
	// Snowflake is the warehouse's URL.
	Snowflake string `json:"snowflake"`
	// The three services of AWS over TLS. Clients must trust the certificate in CAFile.
	KinesisHTTPS string `json:"kinesis_https"`
	S3HTTPS      string `json:"s3_https"`
	LambdaHTTPS  string `json:"lambda_https"`
	CAFile       string `json:"ca_file"`
	// SnowpipeHTTP and SnowpipeHTTPS are the same account, for clients of Snowpipe Streaming. Those over TLS must trust
	// the certificate in SnowpipeCAFile, which is CAFile.
	SnowpipeHTTP   string `json:"snowpipe_http_url"`
	SnowpipeHTTPS  string `json:"snowpipe_https_url"`
	SnowpipeCAFile string `json:"snowpipe_ca_file"`
	// SnowpipeProfile is a file that the official SDK of Snowpipe Streaming reads as it is: the loader's login over TLS.
	SnowpipeProfile string `json:"snowpipe_profile_file"`
	// SnowpipeToken is a programmatic access token of the loader.
	SnowpipeToken string `json:"snowpipe_token"`
	Region        string `json:"region"`
	Stream        string `json:"stream"`
	Bucket        string `json:"bucket"`
	Account       string `json:"account"`
	User          string `json:"user"`
	Password      string `json:"password"`
	Database      string `json:"database"`
	Schema        string `json:"schema"`
	Warehouse     string `json:"warehouse"`
	Role          string `json:"role"`
	// Compress is how the orchestrator packs the objects of rows; empty means not at all.
	Compress rawzone.Compression `json:"compress,omitempty"`
	// RowPath is how rows get into the streaming table: snowpipe, or merge, which is also what an empty one means. RowCommit is
	// deferred or wait.
	RowPath   string `json:"row_path,omitempty"`
	RowCommit string `json:"row_commit,omitempty"`
	// Dashboard is the live page's address, empty if there is none.
	Dashboard string `json:"dashboard,omitempty"`
	// PID is the process that runs the stack.
	PID int `json:"pid"`
	// deployed is set where the stack is not on this machine: then the addresses above are empty.
	deployed *deployed
}

const settingsFile = "settings.json"

// Load reads the settings of the stack that uses the data folder, running or not.
func Load(dir string) (Settings, error) {
	var s Settings
	text, err := os.ReadFile(filepath.Join(dir, settingsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("no local stack has run in %s: start one with `snowstream local`, or name its folder with --data", dir)
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read the settings of the local stack in %s: %w", dir, err)
	}
	return s, nil
}

// Running reports whether the stack answers. A client would only find out after all of its retries.
func (s Settings) Running(ctx context.Context) bool {
	u, err := url.Parse(s.Kinesis)
	if err != nil {
		return false
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func (s Settings) save(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeSecret(filepath.Join(dir, settingsFile), append(text, '\n'))
}

// schemaFile is the schema of the last run, in the data folder. The sensor example has none.
const schemaFile = "schema.yaml"

// LoadSchema reads the schema of the stack that uses the data folder.
func LoadSchema(dir string) (record.Schema, error) {
	text, err := readSchemaText(dir)
	if err != nil {
		return record.Schema{}, err
	}
	return parseSchema(text)
}

func readSchemaText(dir string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, schemaFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the schema of the last run: %w", err)
	}
	return text, nil
}

func parseSchema(text []byte) (record.Schema, error) {
	if len(text) == 0 {
		return record.Sensor(), nil
	}
	return schemafile.Parse(text)
}

// writeSecret replaces a file in one step; only its owner may read it.
func writeSecret(path string, text []byte) error {
	if err := renameio.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// names are the objects in the warehouse.
func names() schema.Names { return schema.Defaults() }

// secrets are made once per data folder: the person's password and the loader's key.
type secrets struct {
	password string
	key      *rsa.PrivateKey
	pem      string
	// token is the loader's programmatic access token.
	token string
}

func loadSecrets(dir string) (secrets, error) {
	password, err := once(filepath.Join(dir, "password"), func() ([]byte, error) { return []byte(rand.Text()), nil })
	if err != nil {
		return secrets{}, err
	}
	token, err := once(filepath.Join(dir, "token"), func() ([]byte, error) { return []byte(rand.Text()), nil })
	if err != nil {
		return secrets{}, err
	}
	text, err := once(filepath.Join(dir, "loader.pem"), newKey)
	if err != nil {
		return secrets{}, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return secrets{}, fmt.Errorf("%s is damaged: delete it to have a new one made", filepath.Join(dir, "loader.pem"))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return secrets{}, fmt.Errorf("%s is damaged: delete it to have a new one made", filepath.Join(dir, "loader.pem"))
	}
	return secrets{string(password), key.(*rsa.PrivateKey), string(text), string(token)}, nil
}

func newKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// writeProfile writes the profile that the official SDK reads.
func (s Settings) writeProfile(known secrets) error {
	text, err := json.MarshalIndent(map[string]string{
		"account": s.Account, "user": Loader, "role": s.Role, "url": s.SnowpipeHTTPS, "authorization_type": "JWT", "private_key": known.pem,
	}, "", "  ")
	if err != nil {
		return err
	}
	return writeSecret(s.SnowpipeProfile, append(text, '\n'))
}

// once reads a file, and makes it first where it is not there.
func once(path string, content func() ([]byte, error)) ([]byte, error) {
	text, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	if text, err = content(); err != nil {
		return nil, err
	}
	return text, writeSecret(path, text)
}

// streamARN is the local stream's.
func (s Settings) streamARN() string {
	return "arn:aws:kinesis:" + s.Region + ":" + AccountID + ":stream/" + s.Stream
}
