package streaming

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"time"
)

// stageValidity is how long a client may use what pipe-info tells.
const stageValidity = time.Hour

// pipeInfo tells an SDK where it would put large batches, and the key to encrypt them with.
func (s *Server) pipeInfo(w http.ResponseWriter, r *http.Request, _ *Pipe) error {
	var body struct{}
	if err := document(w, r, &body); err != nil {
		return err
	}
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	location := map[string]any{
		"expiry_time_ms": time.Now().Add(stageValidity).UnixMilli(), "location": "snowpipe-streaming/", "location_type": "S3",
		"use_s3_regional_url": false, "region": "us-east-1",
		"creds": map[string]string{"AWS_KEY_ID": "local", "AWS_SECRET_KEY": "local", "AWS_TOKEN": "local"},
	}
	answer(w, http.StatusOK, map[string]any{
		"rowset_stage_location": location, "durable_stage_location": location,
		"encryption_info":     map[string]any{"pipe_key": base64.StdEncoding.EncodeToString(key), "pipe_key_id": 1, "diversifier": "local"},
		"parameter_overrides": map[string]any{"binary_input_format": "BASE64"},
	})
	return nil
}
