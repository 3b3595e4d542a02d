package upsert

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/landing/schema"
)

const (
	// pipeEvery is how often a process asks for the pipe's state. That needs no warehouse.
	pipeEvery = time.Minute
	// pipePatience bounds what the question adds to an invocation.
	pipePatience = 5 * time.Second
)

// pipeWatch reports how long files have been waiting for the pipe. CloudWatch cannot see the pipe, and Upsert is the one
// who has a session with Snowflake.
type pipeWatch struct {
	pipe   *microbatch.Pipe // nil where nobody wants to know
	stream string
	asked  time.Time
	log    *slog.Logger
}

func watchPipe(session microbatch.Session, names schema.Names, log *slog.Logger) *pipeWatch {
	w := &pipeWatch{stream: os.Getenv(function.Stream), log: log}
	if os.Getenv(function.Pipe) != "" {
		w.pipe = microbatch.New(session, names)
	}
	return w
}

// look reports once in a while. That it fails is no reason to fail a batch.
func (w *pipeWatch) look(ctx context.Context) {
	if w.pipe == nil || time.Since(w.asked) < pipeEvery {
		return
	}
	w.asked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, pipePatience)
	defer cancel()
	status, err := w.pipe.Status(ctx)
	if err != nil {
		w.log.Warn("the pipe's state is not known", "error", err.Error())
		return
	}
	w.log.Info("pipe", "stream", w.stream, "state", status.State, "pipe_lag_seconds", status.Lag(time.Now()).Seconds(), "pipe_pending_files", status.Pending)
}
