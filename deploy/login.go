package deploy

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/landing/schema"
)

// keyBits is what Snowflake's documentation has users make.
const keyBits = 2048

// key is a key pair: the private half as PEM, the public one and its fingerprint as Snowflake writes them. The private
// half is in this process' memory and in the secret, and nowhere else.
type key struct{ private, public, fingerprint string }

// login gives the user its key, or takes away the keys that it does not need any more. It comes after the stack, with
// which the function begins to sign in the other way.
func (d *Deployment) login(ctx context.Context) error {
	slots, err := d.slots(ctx)
	if err != nil {
		return err
	}
	if d.keyPair() {
		if err := d.giveKey(ctx, slots); err != nil {
			return err
		}
		return d.onlyKey(ctx)
	}
	for i, print := range slots {
		if print == "" || print == "null" {
			continue
		}
		if err := d.exec(ctx, stepLogin, schema.UnsetKey(d.Landing.User, i+1)); err != nil {
			return err
		}
	}
	d.tell(stepLogin, onSnowflake, "the user signs in as "+d.file.UpsertRoleARN+": there is no secret", Unchanged)
	return nil
}

// onlyKey takes the workload identity of an earlier apply away.
func (d *Deployment) onlyKey(ctx context.Context) error {
	if d.file.Snowflake.Login == cloudformation.KeyPair {
		return nil
	}
	if d.file.Snowflake.Login != "" {
		if err := d.exec(ctx, stepLogin, schema.UnsetIdentity(d.Landing.User)); err != nil {
			return err
		}
	}
	d.file.Snowflake.Login = cloudformation.KeyPair
	return d.save()
}

// giveKey puts a key into the secret first: whatever key it holds is the one that the function has, so a run that is
// killed in between is finished by giving the user that key.
func (d *Deployment) giveKey(ctx context.Context, slots [2]string) error {
	if d.file.SecretARN == "" {
		return errors.New("the stack has no secret for the private key")
	}
	current, err := d.storedKey(ctx)
	if err != nil {
		return err
	}
	if d.RotateKey && current != nil {
		return d.rotate(ctx, *current, slots)
	}
	if current == nil {
		made, err := newKey()
		if err != nil {
			return err
		}
		if err := d.storeKey(ctx, made); err != nil {
			return err
		}
		current = &made
	}
	if slots[0] == current.fingerprint || slots[1] == current.fingerprint {
		d.tell(stepLogin, onSnowflake, "the user has the secret's key", Unchanged)
		return nil
	}
	return d.exec(ctx, stepLogin, schema.SetKey(d.Landing.User, current.public, 1))
}

// rotate gives the user a new key in the slot that the current one does not have, and only then the secret: both keys
// are good until the next rotation takes the old one's slot. Functions that run keep the old one until they end.
func (d *Deployment) rotate(ctx context.Context, current key, slots [2]string) error {
	slot := freeSlot(current, slots)
	made, err := newKey()
	if err != nil {
		return err
	}
	if err := d.exec(ctx, stepLogin, schema.SetKey(d.Landing.User, made.public, slot)); err != nil {
		return err
	}
	return d.storeKey(ctx, made)
}

// freeSlot is the one of the user's two that the current key does not have.
func freeSlot(current key, slots [2]string) int {
	if slots[1] == current.fingerprint {
		return 1
	}
	return 2
}

// slots are the fingerprints of the user's two keys.
func (d *Deployment) slots(ctx context.Context) ([2]string, error) {
	rows, err := d.Session.Show(ctx, schema.DescribeUser(d.Landing.User))
	if err != nil {
		return [2]string{}, fmt.Errorf("look at user %s: %w", d.Landing.User, err)
	}
	return [2]string{value(rows, "value", "RSA_PUBLIC_KEY_FP"), value(rows, "value", "RSA_PUBLIC_KEY_2_FP")}, nil
}

// storedKey is the secret's key, nil if it has none yet.
func (d *Deployment) storedKey(ctx context.Context) (*key, error) {
	out, err := d.Secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &d.file.SecretARN})
	var none *types.ResourceNotFoundException // also what a secret without a value answers
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", d.file.SecretARN, err)
	}
	block, _ := pem.Decode([]byte(aws.ToString(out.SecretString)))
	if block == nil {
		return nil, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("secret %s holds something that is no private key: delete its value, or the secret", d.file.SecretARN)
	}
	k, err := describe(private)
	return &k, err
}

func (d *Deployment) storeKey(ctx context.Context, k key) error {
	_, err := d.Secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &d.file.SecretARN, SecretString: &k.private})
	if err != nil {
		return fmt.Errorf("put the private key into secret %s: %w", d.file.SecretARN, err)
	}
	d.tell(stepLogin, onAWS, "private key into secret "+d.file.SecretARN, Done)
	return nil
}

func newKey() (key, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return key{}, fmt.Errorf("make a key pair: %w", err)
	}
	return describe(private)
}

func describe(private *rsa.PrivateKey) (key, error) {
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return key{}, fmt.Errorf("make a key pair: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return key{}, fmt.Errorf("make a key pair: %w", err)
	}
	sum := sha256.Sum256(public)
	return key{
		private:     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
		public:      base64.StdEncoding.EncodeToString(public),
		fingerprint: "SHA256:" + base64.StdEncoding.EncodeToString(sum[:]),
	}, nil
}
