package authority

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestClientsTrustTheLocalNames(t *testing.T) {
	a := open(t, t.TempDir())
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	server.Listener = tls.NewListener(server.Listener, a.TLS())
	server.Start()
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	address := net.JoinHostPort("127.0.0.1", port)
	for _, name := range []string{"localhost", "127.0.0.1", "bucket.s3.localhost", "::1"} {
		config := &tls.Config{RootCAs: a.Pool(), ServerName: name}
		connection, err := tls.Dial("tcp", address, config)
		if err != nil {
			t.Errorf("as %s: %v", name, err)
			continue
		}
		connection.Close()
	}
	if connection, err := tls.Dial("tcp", address, &tls.Config{RootCAs: a.Pool(), ServerName: "kinesis.us-east-1.amazonaws.com"}); err == nil {
		connection.Close()
		t.Error("the server passed as a host that is not this machine")
	}
	if connection, err := tls.Dial("tcp", address, &tls.Config{RootCAs: open(t, t.TempDir()).Pool(), ServerName: "localhost"}); err == nil {
		connection.Close()
		t.Error("a client trusted it that knows another authority")
	}
}

// TestTheKeyOpensNoOtherHost: with the authority's key one can sign what one likes; clients must not believe it.
func TestTheKeyOpensNoOtherHost(t *testing.T) {
	a := open(t, t.TempDir())
	for _, name := range []string{"example.com", "notlocalhost"} {
		forged, err := a.sign(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := forged.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: name}); err == nil {
			t.Errorf("a certificate for %s was believed", name)
		}
	}
}

func TestItIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	text, err := os.ReadFile(first.File())
	if err != nil {
		t.Fatal(err)
	}
	second := open(t, dir)
	leaf, err := second.leaf("localhost")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: first.Pool(), DNSName: "localhost"}); err != nil {
		t.Errorf("who trusted the first start does not trust the second: %v", err)
	}
	if again, _ := os.ReadFile(second.File()); !bytes.Equal(text, again) {
		t.Error("the certificate has changed")
	}
}

func TestNamesAreBounded(t *testing.T) {
	a := open(t, t.TempDir())
	for i := range 3 * maxNames {
		if _, err := a.leaf(string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".localhost"); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.leaves) > maxNames+1 {
		t.Errorf("%d certificates are in memory", len(a.leaves))
	}
}

func TestDamageIsToldAndACrashIsNot(t *testing.T) {
	for _, name := range []string{keyFile, certificateFile} {
		dir := t.TempDir()
		open(t, dir)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("-----BEGIN nothing"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil {
			t.Errorf("a damaged %s was taken", name)
		}
	}
	dir := t.TempDir() // a crash between the two files leaves the key alone
	open(t, dir)
	if err := os.Remove(filepath.Join(dir, certificateFile)); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("a new key was taken for an old certificate")
	}
}

func open(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
