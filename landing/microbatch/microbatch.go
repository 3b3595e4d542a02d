// Package microbatch watches and nudges Snowpipe, which loads the raw zone's objects into the micro-batch table.
package microbatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Session runs statements; see landing/snowflake.
type Session interface {
	Query(ctx context.Context, row func(scan func(into ...any) error) error, query string, args ...any) error
	Show(ctx context.Context, query string) ([]map[string]string, error)
}

// Pipe is the pipe of the raw zone.
type Pipe struct {
	session Session
	names   schema.Names
}

// New returns the pipe.
func New(session Session, names schema.Names) *Pipe { return &Pipe{session, names} }

// Status is what SYSTEM$PIPE_STATUS says.
type Status struct {
	// State is RUNNING when all is well; PAUSED and the STOPPED_… states need a person.
	State string `json:"executionState"`
	// Pending files wait to be loaded, the oldest of them since OldestFile.
	Pending int64 `json:"pendingFileCount"`
	// Outstanding notices were queued for the pipe and not received yet.
	Outstanding int64     `json:"numOutstandingMessagesOnChannel"`
	OldestFile  time.Time `json:"oldestFileTimestamp"`
	// LastFile and LastIngested tell of the last file that was loaded.
	LastFile     string    `json:"lastIngestedFilePath"`
	LastIngested time.Time `json:"lastIngestedTimestamp"`
	// Error is the reason where State is not RUNNING.
	Error string `json:"error"`
}

// Lag is how long the oldest file has been waiting, 0 if none is.
func (s Status) Lag(now time.Time) time.Duration {
	if s.Pending == 0 || s.OldestFile.IsZero() {
		return 0
	}
	return max(now.Sub(s.OldestFile), 0)
}

// Status asks for the pipe's state.
func (p *Pipe) Status(ctx context.Context) (Status, error) {
	var text string
	var status Status
	err := p.session.Query(ctx, func(scan func(...any) error) error { return scan(&text) },
		"SELECT SYSTEM$PIPE_STATUS("+schema.Literal(p.names.In(p.names.Pipe))+")")
	if err == nil {
		err = json.Unmarshal([]byte(text), &status)
	}
	if err != nil {
		return status, fmt.Errorf("status of pipe %s: %w", p.names.Pipe, err)
	}
	return status, nil
}

// Channel is the ARN of the queue that must hear of each new object.
func (p *Pipe) Channel(ctx context.Context) (string, error) {
	pipe, err := p.show(ctx)
	if err != nil {
		return "", fmt.Errorf("notification channel of pipe %s: %w", p.names.Pipe, err)
	}
	if pipe["notification_channel"] != "" {
		return pipe["notification_channel"], nil
	}
	return "", fmt.Errorf("pipe %s has no notification channel: was it made with AUTO_INGEST = TRUE?", p.names.Pipe)
}

// Created is when the pipe was made. It knows nothing of what an earlier pipe of its name has loaded.
func (p *Pipe) Created(ctx context.Context) (time.Time, error) {
	pipe, err := p.show(ctx)
	if err == nil && pipe == nil {
		err = errors.New("there is no such pipe")
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("age of pipe %s: %w", p.names.Pipe, err)
	}
	at, err := time.Parse(time.RFC3339Nano, pipe["created_on"])
	if err != nil {
		return at, fmt.Errorf("age of pipe %s: SHOW PIPES says %q", p.names.Pipe, pipe["created_on"])
	}
	return at, nil
}

// show is the pipe's row of SHOW PIPES, nil if there is none.
func (p *Pipe) show(ctx context.Context) (map[string]string, error) {
	pipes, err := p.session.Show(ctx, "SHOW PIPES LIKE "+schema.Literal(p.names.Pipe)+
		" IN SCHEMA "+schema.Quote(p.names.Database)+"."+schema.Quote(p.names.Schema))
	if err != nil {
		return nil, err
	}
	for _, pipe := range pipes {
		if pipe["name"] == p.names.Pipe {
			return pipe, nil
		}
	}
	return nil, nil
}

// Refresh queues the files of the last seven days that were never loaded, for objects whose notice was lost.
func (p *Pipe) Refresh(ctx context.Context) error {
	err := p.session.Query(ctx, func(func(...any) error) error { return nil },
		"ALTER PIPE "+p.names.In(p.names.Pipe)+" REFRESH")
	if err != nil {
		return fmt.Errorf("refresh pipe %s: %w", p.names.Pipe, err)
	}
	return nil
}

// RefreshObject queues one object, if the pipe has never dealt with it and it was written in the last seven days. Refresh
// would also queue what only an earlier pipe of this name has loaded.
func (p *Pipe) RefreshObject(ctx context.Context, key string) error {
	err := p.session.Query(ctx, func(func(...any) error) error { return nil },
		"ALTER PIPE "+p.names.In(p.names.Pipe)+" REFRESH PREFIX = "+schema.Literal(strings.TrimPrefix(key, rawzone.Rows)))
	if err != nil {
		return fmt.Errorf("refresh pipe %s for object %s: %w", p.names.Pipe, key, err)
	}
	return nil
}
