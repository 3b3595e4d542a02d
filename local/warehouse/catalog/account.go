package catalog

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Account says who the account is and who may log in.
type Account struct {
	// Name is the account's name, which key-pair logins carry.
	Name string
	// ID is its AWS account id, 12 digits, and Region the region of its buckets.
	ID, Region string
	Users      []User
}

// User finds one of the configured users; case does not matter.
func (a *Account) User(name string) *User {
	for i := range a.Users {
		if strings.EqualFold(a.Users[i].Name, name) {
			return &a.Users[i]
		}
	}
	return nil
}

// TokenUser finds the user of a programmatic access token, in a time that does not tell how much of it was right.
func (a *Account) TokenUser(token string) *User {
	got := sha256.Sum256([]byte(token))
	var found *User
	for i := range a.Users {
		want := sha256.Sum256([]byte(a.Users[i].AccessToken))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 && a.Users[i].AccessToken != "" {
			found = &a.Users[i]
		}
	}
	return found
}

// Check refuses keys that cannot be used.
func (a *Account) Check() error {
	for _, u := range a.Users {
		if u.PublicKey == nil {
			continue
		}
		if _, err := x509.MarshalPKIXPublicKey(u.PublicKey); err != nil {
			return fmt.Errorf("public key of user %s: %w", u.Name, err)
		}
	}
	return nil
}

// User is someone who may log in.
type User struct {
	// Name is the login name; case does not matter.
	Name string
	// Password admits a password login; empty means none.
	Password string
	// PublicKey admits a key-pair login; nil means none.
	PublicKey *rsa.PublicKey
	// AccessToken is a programmatic access token of the user, for Snowpipe Streaming; empty means none.
	AccessToken string
	// DefaultRole, DefaultWarehouse, Database and Schema are the session's when the client names none.
	DefaultRole, DefaultWarehouse, Database, Schema string
}

// KeySlots are the properties of a user that hold a key; there are two, so that a key can be changed without a gap.
func KeySlots() []string { return []string{"RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2"} }

// KeysOf are the keys of a user that CREATE USER has made.
func KeysOf(o *Object) (keys []*rsa.PublicKey) {
	for _, slot := range KeySlots() {
		if key, err := ParsePublicKey(o.Body.Options.Text(slot)); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// ParsePublicKey reads the base64 of a key's SPKI form, with or without line ends.
func ParsePublicKey(text string) (*rsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	if key, ok := parsed.(*rsa.PublicKey); ok {
		return key, nil
	}
	return nil, errors.New("the key is not RSA")
}

// Fingerprint is SHA256: and the base64 of the hash of the key's SPKI form.
func Fingerprint(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.StdEncoding.EncodeToString(sum[:]), nil
}
