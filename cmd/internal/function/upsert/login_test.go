package upsert

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/snowstream/snowstream/cmd/internal/function"
)

const secretARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:loader"

// secrets answers GetSecretValue as Secrets Manager does, for one secret.
func secrets(t *testing.T, value string) aws.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ SecretId string }
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || in.SecretId != secretARN {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"__type":"ResourceNotFoundException","message":"no such secret"}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"ARN": secretARN, "SecretString": value})
	}))
	t.Cleanup(server.Close)
	return aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
}

func TestLogin(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	cfg := secrets(t, text)
	for name, c := range map[string]struct {
		env      map[string]string
		cfg      aws.Config
		identity bool
		fails    string
	}{
		"workload identity":     {env: map[string]string{function.Authentication: function.WorkloadIdentity}, cfg: cfg, identity: true},
		"secret":                {env: map[string]string{function.PrivateKeySecret: secretARN}, cfg: cfg},
		"secret, said so":       {env: map[string]string{function.Authentication: function.KeyPair, function.PrivateKeySecret: secretARN}, cfg: cfg},
		"environment":           {env: map[string]string{function.PrivateKey: text}, cfg: cfg},
		"another secret":        {env: map[string]string{function.PrivateKeySecret: secretARN + "2"}, cfg: cfg, fails: "no such secret"},
		"secret without a key":  {env: map[string]string{function.PrivateKeySecret: secretARN}, cfg: secrets(t, "hunter2"), fails: "not PEM"},
		"nothing":               {cfg: cfg, fails: function.PrivateKeySecret},
		"password, not offered": {env: map[string]string{function.Authentication: "password"}, cfg: cfg, fails: function.WorkloadIdentity},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			got, err := login(t.Context(), c.cfg)
			switch {
			case c.fails != "":
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("err = %v, want one that says %q", err, c.fails)
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Fatalf("the error shows the secret: %v", err)
				}
			case err != nil:
				t.Fatal(err)
			case got.WorkloadIdentity != c.identity || !c.identity && !got.PrivateKey.Equal(key):
				t.Fatalf("workload identity %v, the right key %v", got.WorkloadIdentity, got.PrivateKey != nil && got.PrivateKey.Equal(key))
			}
		})
	}
}
