package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
)

const (
	trustFirst = 500 * time.Millisecond
	trustLast  = 15 * time.Second
)

// validation is what SYSTEM$VALIDATE_STORAGE_INTEGRATION answers.
type validation struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	Actions map[string]struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	} `json:"actions"`
}

// trust waits until Snowflake can list the bucket. IAM is eventually consistent: a role that was made a minute ago may
// still refuse, so a refusal counts only once Patience is over.
func (d *Deployment) trust(ctx context.Context) error {
	const what = "Snowflake lists the bucket in the storage role"
	start, wait := time.Now(), trustFirst
	for {
		last, err := d.validate(ctx)
		if err != nil {
			return err
		}
		if last == "" {
			d.tell(stepTrust, onSnowflake, what, Unchanged)
			return nil
		}
		if time.Since(start)+wait > d.Patience {
			return fmt.Errorf("Snowflake may not list bucket %s after %s: %s. The storage role %s must trust %s with the external id %s; "+
				"Snowflake keeps an old refusal for up to an hour, so running this again later may be all that is needed",
				d.file.Bucket, d.Patience, last, d.file.StorageRoleARN, d.file.StorageUserARN, d.file.ExternalID)
		}
		d.tell(stepTrust, onSnowflake, fmt.Sprintf("%s: not yet after %.0f s", what, time.Since(start).Seconds()), Waiting)
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for IAM: %w", ctx.Err())
		case <-time.After(wait):
		}
		wait = min(2*wait, trustLast)
	}
}

// validate returns why Snowflake may not list the bucket, "" if it may.
func (d *Deployment) validate(ctx context.Context) (refusal string, err error) {
	var text string
	err = d.Session.Query(ctx, func(scan func(...any) error) error { return scan(&text) }, schema.Validate(d.file.Names, d.file.Bucket))
	if err != nil {
		return "", fmt.Errorf("validate integration %s: %w", d.file.Names.Integration, err)
	}
	var v validation
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return "", errors.New("SYSTEM$VALIDATE_STORAGE_INTEGRATION answered something that is not JSON")
	}
	if v.Status == "success" {
		return "", nil
	}
	for _, a := range v.Actions {
		if a.Status != "success" && a.Message != "" {
			return a.Message, nil
		}
	}
	return v.Status + " " + v.Message, nil
}
