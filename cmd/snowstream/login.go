package main

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"github.com/youmark/pkcs8"

	"github.com/snowstream/snowstream/landing/snowflake"
)

// passwordVariable is not a flag: other users of a machine can read the flags of a command that runs.
const passwordVariable = "SNOWSTREAM_SNOWFLAKE_PASSWORD"

// login is a person's own sign-in to Snowflake.
type login struct{ user, role, warehouse, keyFile, passphraseFile string }

// passphraseVariable is the variable that other tools of Snowflake know, too.
const passphraseVariable = "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"

func (l *login) flags(f *pflag.FlagSet) {
	f.StringVar(&l.user, "snowflake-login", "", "your own user in Snowflake")
	f.StringVar(&l.keyFile, "snowflake-key-file", "", "your private key (PEM), if you sign in with one; the passphrase of an encrypted one is read from "+passphraseVariable+" in the environment")
	f.StringVar(&l.passphraseFile, "snowflake-key-passphrase-file", "", "file with the passphrase of your private key, instead")
	f.StringVar(&l.role, "snowflake-login-role", "", "your role (default: the user's own)")
	f.StringVar(&l.warehouse, "snowflake-login-warehouse", "", "your warehouse (default: the function's)")
}

// config reads the key, or the password of the environment.
func (l login) config() (snowflake.Config, error) {
	c := snowflake.Config{User: l.user, Password: os.Getenv(passwordVariable), Role: l.role, Warehouse: l.warehouse}
	if l.user == "" {
		return c, usageError{errors.New("--snowflake-login says as whom to sign in to Snowflake")}
	}
	if l.keyFile != "" {
		text, err := os.ReadFile(l.keyFile)
		if err != nil {
			return c, usageError{fmt.Errorf("--snowflake-key-file: %w", err)}
		}
		if c.PrivateKey, err = l.key(text); err != nil {
			return c, usageError{fmt.Errorf("--snowflake-key-file %s: %w", l.keyFile, err)}
		}
	}
	if c.PrivateKey == nil && c.Password == "" {
		return c, usageError{fmt.Errorf("%s needs a key (--snowflake-key-file) or a password (%s in the environment) to sign in to Snowflake", l.user, passwordVariable)}
	}
	return c, nil
}

// key reads a private key, with its passphrase where it has one.
func (l login) key(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != snowflake.EncryptedKey {
		return snowflake.ParseKey(text)
	}
	passphrase := []byte(os.Getenv(passphraseVariable))
	if l.passphraseFile != "" {
		text, err := os.ReadFile(l.passphraseFile)
		if err != nil {
			return nil, fmt.Errorf("--snowflake-key-passphrase-file: %w", err)
		}
		passphrase = bytes.TrimRight(text, "\r\n")
	}
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("the key is encrypted: its passphrase is read from --snowflake-key-passphrase-file, or from %s in the environment", passphraseVariable)
	}
	key, err := pkcs8.ParsePKCS8PrivateKeyRSA(block.Bytes, passphrase)
	if err != nil {
		return nil, fmt.Errorf("decrypt the key with its passphrase: %w", err)
	}
	return key, nil
}

// open prepares a session; the first statement signs in. Without a warehouse of its own it takes the one given.
func (l login) open(account, endpoint, warehouse string) (*snowflake.DB, error) {
	if account == "" {
		return nil, usageError{errors.New("--snowflake-account says where to sign in to Snowflake")}
	}
	c, err := l.config()
	if err != nil {
		return nil, err
	}
	c.Account, c.Endpoint, c.Warehouse = account, endpoint, cmp.Or(c.Warehouse, warehouse)
	return snowflake.Open(c)
}
