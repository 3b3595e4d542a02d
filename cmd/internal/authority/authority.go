// Package authority is the certificate authority of a local stack: with its one certificate a client trusts every
// service of the stack over TLS, and nothing else.
//
// Key and certificate are made once and lie in a folder. The certificate is constrained to this machine's own names, so that
// whoever gets hold of the key can stand in for no other host, not even to a client that trusts it. The certificates of the
// services are made when they are asked for and live in memory.
package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"
)

const (
	keyFile         = "ca-key.pem"
	certificateFile = "ca.pem"
	// caValidity and leafValidity are how long certificates are good for. Both begin an hour early, for clocks that differ.
	caValidity   = 10 * 365 * 24 * time.Hour
	leafValidity = 90 * 24 * time.Hour
	// renewBefore is how long before its end a service's certificate is replaced.
	renewBefore = 24 * time.Hour
	// maxNames bounds the certificates in memory; further names get the one for localhost.
	maxNames = 64
	local    = "localhost"
)

// Authority signs certificates. It is safe for concurrent use.
type Authority struct {
	file        string
	certificate *x509.Certificate
	key         crypto.Signer

	mu     sync.Mutex // covers leaves
	leaves map[string]*tls.Certificate
}

// Open finds the authority in dir, or makes one there. A file that is damaged or out of date is an error that says what to
// delete: clients may trust the old certificate, so it is not replaced behind their backs.
func Open(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the local certificate authority: %w", err)
	}
	a := &Authority{leaves: map[string]*tls.Certificate{}}
	var err error
	if a.file, err = filepath.Abs(filepath.Join(dir, certificateFile)); err != nil {
		return nil, fmt.Errorf("find the certificate of the local certificate authority: %w", err)
	}
	if a.key, err = openKey(filepath.Join(dir, keyFile)); err != nil {
		return nil, err
	}
	a.certificate, err = openCertificate(a.file, a.key)
	return a, err
}

// File is the path of the certificate in PEM, which clients must trust.
func (a *Authority) File() string { return a.file }

// TLS is the configuration of a server that answers as localhost, 127.0.0.1, ::1 and any name below localhost. It offers
// HTTP/1.1 only, as the services over TLS do.
func (a *Authority) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return a.leaf(hello.ServerName) },
	}
}

// Pool holds the authority's certificate, for clients in Go.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// leaf is the certificate for a server name: localhost, unless it is one below it.
func (a *Authority) leaf(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if known := a.leaves[name]; !strings.HasSuffix(name, "."+local) || known == nil && len(a.leaves) >= maxNames {
		name = local
	}
	if known := a.leaves[name]; known != nil && time.Until(known.Leaf.NotAfter) > renewBefore {
		return known, nil
	}
	made, err := a.sign(name)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %q: %w", name, err)
	}
	a.leaves[name] = made
	return made, nil
}

func (a *Authority) sign(name string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := newTemplate(leafValidity)
	if err != nil {
		return nil, err
	}
	template.Subject = pkix.Name{CommonName: "snowstream local"}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = []string{name}
	if name == local {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, err
}

func newTemplate(validity time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validity), BasicConstraintsValid: true}, err
}

func openKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the local certificate authority: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, damaged(path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, damaged(path)
	}
	return key, nil
}

func makeKey(path string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the local certificate authority: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make the key of the local certificate authority: %w", err)
	}
	return key, write(path, "PRIVATE KEY", der)
}

func openCertificate(path string, key crypto.Signer) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeCertificate(path, key)
	}
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the local certificate authority: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, damaged(path)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, damaged(path)
	}
	if own, ok := certificate.PublicKey.(*ecdsa.PublicKey); !ok || !own.Equal(key.Public()) {
		return nil, fmt.Errorf("the local certificate authority's key does not belong to %s: delete that file to have a new certificate made, and let clients trust it", path)
	}
	if time.Until(certificate.NotAfter) < leafValidity {
		return nil, fmt.Errorf("the local certificate authority ends on %s: delete %s to have a new certificate made, and let clients trust it",
			certificate.NotAfter.Format(time.DateOnly), path)
	}
	return certificate, nil
}

func makeCertificate(path string, key crypto.Signer) (*x509.Certificate, error) {
	template, err := newTemplate(caValidity)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of the local certificate authority: %w", err)
	}
	template.Subject = pkix.Name{CommonName: "snowstream local certificate authority"}
	template.IsCA, template.MaxPathLenZero = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains = []string{local}
	template.PermittedIPRanges = []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of the local certificate authority: %w", err)
	}
	if err := write(path, "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// write replaces a file in one step; only its owner may read it.
func write(path, kind string, der []byte) error {
	if err := renameio.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func damaged(path string) error {
	return fmt.Errorf("%s of the local certificate authority is damaged: delete it to have a new one made, and let clients trust the new certificate", path)
}
