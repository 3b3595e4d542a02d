package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/snowstream/snowstream/local/s3"
	"github.com/snowstream/snowstream/processing/handoff"
)

// around is what the two functions talk to: S3 and the warehouse are the local stack's, and an Upsert that answers at
// once stands in for the real one, so that the orchestrator is measured alone. What it is handed over is kept for the real one.
type around struct {
	orchestrator, upsert []string // the functions' environments
	handed               chan []byte
	ends                 []func()
}

const bucket = "bench"

func openAround(ctx context.Context, dir string) (*around, error) {
	a := &around{handed: make(chan []byte, 1)}
	if err := a.open(ctx, dir); err != nil {
		a.end()
		return nil, err
	}
	return a, nil
}

// open opens all of it; what is open when it fails is for end.
func (a *around) open(ctx context.Context, dir string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	l, end, err := openLoading(ctx, filepath.Join(dir, "warehouse"), &key.PublicKey)
	if err != nil {
		return err
	}
	a.ends = append(a.ends, end)
	lake, err := a.openLake(ctx, filepath.Join(dir, "s3"))
	if err != nil {
		return err
	}
	lambda, err := a.listen(http.HandlerFunc(a.stand))
	if err != nil {
		return err
	}
	both := []string{
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_ENDPOINT_URL_S3=" + lake, "AWS_ENDPOINT_URL_LAMBDA=" + lambda,
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		"HOME=" + dir, "TMPDIR=" + dir, "SNOWSTREAM_BUCKET=" + bucket,
	}
	a.orchestrator = append([]string{"SNOWSTREAM_UPSERT_FUNCTION=SnowflakeUpsert"}, both...)
	a.upsert = append([]string{
		"SNOWSTREAM_SNOWFLAKE_ACCOUNT=" + l.config.Account, "SNOWSTREAM_SNOWFLAKE_USER=" + l.config.User, "SNOWSTREAM_SNOWFLAKE_ROLE=" + l.config.Role,
		"SNOWSTREAM_SNOWFLAKE_WAREHOUSE=" + l.config.Warehouse, "SNOWSTREAM_SNOWFLAKE_DATABASE=" + l.config.Database,
		"SNOWSTREAM_SNOWFLAKE_SCHEMA=" + l.config.Schema, "SNOWSTREAM_SNOWFLAKE_ENDPOINT=" + l.config.Endpoint,
		"SNOWSTREAM_SNOWFLAKE_PRIVATE_KEY=" + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"SNOWFLAKE_DISABLE_PLATFORM_DETECTION=true",
	}, both...)
	return nil
}

// openLake opens S3 with the raw zone's bucket and returns its URL.
func (a *around) openLake(ctx context.Context, dir string) (string, error) {
	server, err := s3.Open(s3.Config{Dir: dir, Region: "us-east-1", AccountID: "000000000000"})
	if err != nil {
		return "", err
	}
	a.ends = append(a.ends, func() { server.Close() })
	url, err := a.listen(server)
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, url+"/"+bucket, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", signature)
	made, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("make the bucket: %w", err)
	}
	defer made.Body.Close()
	if made.StatusCode != http.StatusOK {
		return "", fmt.Errorf("make the bucket: S3 answers %s", made.Status)
	}
	return url, nil
}

// listen serves on a free port until the end.
func (a *around) listen(h http.Handler) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) })
	a.ends = append(a.ends, func() { server.Close(); done.Wait() })
	return "http://" + l.Addr().String(), nil
}

// end ends all of it, the last first.
func (a *around) end() {
	for i := len(a.ends) - 1; i >= 0; i-- {
		a.ends[i]()
	}
}

// stand is the Lambda API with a function that answers that all rows are there, and keeps the youngest payload.
func (a *around) stand(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	m, wrong := handoff.Decode(payload)
	if errors.Join(err, wrong) != nil {
		http.Error(w, "no hand-over", http.StatusBadRequest)
		return
	}
	select {
	case <-a.handed:
	default:
	}
	a.handed <- payload
	_ = json.NewEncoder(w).Encode(handoff.Answer{Rows: m.Rows, Inserted: int64(m.Rows)})
}

// handOver is what the orchestrator has handed over since this was last asked for.
func (a *around) handOver() ([]byte, error) {
	select {
	case payload := <-a.handed:
		return payload, nil
	default:
		return nil, errors.New("the orchestrator has handed nothing over")
	}
}
