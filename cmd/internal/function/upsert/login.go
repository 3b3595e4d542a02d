package upsert

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
)

// openSnowflake prepares the session that the function keeps for its life, and returns the key that it logs in with, if it
// is by key pair.
func openSnowflake(ctx context.Context, cfg aws.Config, names schema.Names) (*snowflake.DB, *rsa.PrivateKey, error) {
	login, err := login(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	login.Account, login.User, login.Endpoint = os.Getenv(function.Account), os.Getenv(function.User), os.Getenv(function.Endpoint)
	if login.Within, err = within(); err != nil {
		return nil, nil, err
	}
	login.Role, login.Warehouse = os.Getenv(function.Role), os.Getenv(function.Warehouse)
	login.Database, login.Schema = names.Database, names.Schema
	db, err := snowflake.Open(login)
	return db, login.PrivateKey, err
}

// within is what a call to Snowflake may take; 0 for as long as it likes.
func within() (time.Duration, error) {
	text := os.Getenv(function.Timeout)
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 1 {
		return 0, fmt.Errorf("%s is %q: it is the function's time-out in seconds", function.Timeout, text)
	}
	return time.Duration(seconds) * time.Second, nil
}

// login is how the function proves who it is.
func login(ctx context.Context, cfg aws.Config) (snowflake.Config, error) {
	switch how := os.Getenv(function.Authentication); how {
	case function.WorkloadIdentity:
		return snowflake.Config{WorkloadIdentity: true}, nil
	case function.KeyPair, "":
		key, err := privateKey(ctx, cfg)
		return snowflake.Config{PrivateKey: key}, err
	default:
		return snowflake.Config{}, fmt.Errorf("%s is %q: it can be %s or %s", function.Authentication, how, function.WorkloadIdentity, function.KeyPair)
	}
}

// privateKey reads the key from its secret, once in the function's life: a rotated key is taken up by the next one.
func privateKey(ctx context.Context, cfg aws.Config) (*rsa.PrivateKey, error) {
	text, from := os.Getenv(function.PrivateKey), function.PrivateKey
	if id := os.Getenv(function.PrivateKeySecret); id != "" {
		out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
		if err != nil {
			return nil, fmt.Errorf("read the private key from secret %s: %w", id, err)
		}
		text, from = aws.ToString(out.SecretString), "secret "+id
	}
	if text == "" {
		return nil, errors.New("the function has no private key: set " + function.PrivateKeySecret + ", or " +
			function.Authentication + "=" + function.WorkloadIdentity)
	}
	key, err := snowflake.ParseKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return key, nil
}
