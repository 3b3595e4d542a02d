package stack

import (
	"log/slog"

	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/processing/replay"
	"github.com/snowstream/snowstream/record"
)

// Collector lands what failed invocations have left behind. It reaches the raw zone and SnowflakeUpsert as the
// orchestrator does; log may be nil.
func (s Settings) Collector(schema record.Schema, dry bool, log *slog.Logger) (*replay.Collector, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o, err := orchestrator.New(schema, s.Lake(), s.Upserter(), s.Compress, log)
	if err != nil {
		return nil, err
	}
	return replay.New(replay.Config{Stream: s.Stream, Reader: s.Reader(), Lander: o, Lake: s.Lake(), DryRun: dry, Log: log}), nil
}
