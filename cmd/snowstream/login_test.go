package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/youmark/pkcs8"

	"github.com/snowstream/snowstream/landing/snowflake"
)

const passphrase = "correct horse"

// keyFiles are one key in files of all kinds: plain, and encrypted by us and by openssl.
func keyFiles(t *testing.T) (key *rsa.PrivateKey, plain string, encrypted []string) {
	t.Helper()
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte, err error) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	plain = write("plain.p8", "PRIVATE KEY", der, err)
	der, err = pkcs8.MarshalPrivateKey(key, []byte(passphrase), nil)
	encrypted = append(encrypted, write("ours.p8", snowflake.EncryptedKey, der, err))
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Log("not run: keys encrypted by openssl, which is not installed")
		return key, plain, encrypted
	}
	for _, how := range [][]string{{"-v2", "des3"}, {"-v2", "aes-256-cbc"}, {"-scrypt"}} {
		path := filepath.Join(dir, strings.Join(how, "")+".p8")
		cmd := exec.CommandContext(t.Context(), openssl, append([]string{"pkcs8", "-topk8", "-in", plain, "-out", path, "-passout", "env:P"}, how...)...)
		cmd.Env = append(os.Environ(), "P="+passphrase)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", how, err, out)
		}
		encrypted = append(encrypted, path)
	}
	return key, plain, encrypted
}

// TestEncryptedKeys: a key with a passphrase signs in as the one without does, and the passphrase is shown nowhere.
func TestEncryptedKeys(t *testing.T) {
	t.Setenv(passwordVariable, "")
	t.Setenv(passphraseVariable, "")
	key, plain, encrypted := keyFiles(t)
	file := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(file, []byte(passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range append([]string{plain}, encrypted...) {
		c, err := login{user: "ME", keyFile: path, passphraseFile: file}.config()
		if err != nil || !c.PrivateKey.Equal(key) {
			t.Errorf("%s by the file: %v", filepath.Base(path), err)
		}
		t.Setenv(passphraseVariable, passphrase)
		if c, err = (login{user: "ME", keyFile: path}).config(); err != nil || !c.PrivateKey.Equal(key) {
			t.Errorf("%s by the environment: %v", filepath.Base(path), err)
		}
		t.Setenv(passphraseVariable, "")
	}
	for _, path := range encrypted {
		for _, tt := range []struct {
			l    login
			pass string
			says string
		}{
			{login{}, "", "the key is encrypted: its passphrase is read from --snowflake-key-passphrase-file, or from SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"},
			{login{}, "wrong staple", "decrypt the key with its passphrase"},
			{login{passphraseFile: file + "x"}, passphrase, "--snowflake-key-passphrase-file: open"},
		} {
			tt.l.user, tt.l.keyFile = "ME", path
			t.Setenv(passphraseVariable, tt.pass)
			if _, err := tt.l.config(); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "staple") {
				t.Errorf("%s: %v, want %q", filepath.Base(path), err, tt.says)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := snowflake.ParseKey(text); err == nil || !strings.Contains(err.Error(), "-nocrypt") {
			t.Errorf("a function says of %s: %v", filepath.Base(path), err)
		}
	}
	if _, remembered := parsed(t, nil, "--snowflake-key-passphrase-file", file); len(remembered) > 0 {
		t.Errorf("remembered: %v", remembered)
	}
}
