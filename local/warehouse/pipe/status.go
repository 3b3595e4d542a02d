package pipe

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// runs says what keeps a pipe from loading.
func (p *Pipes) runs(c *dialect.Copy) error {
	if !c.Streaming {
		_, err := p.newLoader(c)
		return err
	}
	if p.Catalog.Get("TABLE", c.Target) == nil {
		return fault.NotExist("TABLE", c.Target.Plain())
	}
	return nil
}

// Status is the JSON of SYSTEM$PIPE_STATUS.
func (p *Pipes) Status(ctx context.Context, pipe *catalog.Object) (string, error) {
	status := map[string]any{"executionState": "RUNNING"}
	if pipe.Body.Paused {
		status["executionState"] = "PAUSED"
	}
	if err := p.runs(pipe.Body.Copy); err != nil {
		status["executionState"], status["error"] = "STOPPED_MISSING_TABLE", fault.Translate(err).Message
	}
	var pending int64
	var oldest *time.Time
	err := p.Engine.DB.QueryRowContext(ctx, `SELECT count(DISTINCT file), min(received) FROM "warehouse"."queue" WHERE pipe_id = $1`, pipe.ID).Scan(&pending, &oldest)
	if err != nil {
		return "", err
	}
	status["pendingFileCount"] = pending
	if oldest != nil {
		status["oldestFileTimestamp"] = oldest.UTC().Format(time.RFC3339Nano)
	}
	var file, place *string
	var loaded *time.Time
	err = p.Engine.DB.QueryRowContext(ctx, `SELECT arg_max(file, loaded), arg_max(place, loaded), max(loaded) FROM "warehouse"."history"
		WHERE pipe_id = $1 AND status <> '`+statusFailed+`'`, pipe.ID).Scan(&file, &place, &loaded)
	if err != nil {
		return "", err
	}
	if loaded != nil {
		status["lastIngestedTimestamp"], status["lastIngestedFilePath"] = loaded.UTC().Format(time.RFC3339Nano), *file
		status["lastForwardedFilePath"] = strings.TrimPrefix(*place, "s3://") + *file
	}
	if pipe.Body.AutoIngest {
		status["notificationChannelName"], status["numOutstandingMessagesOnChannel"] = p.QueueARN(), 0
		if last := p.lastMessage.Load(); last != 0 {
			at := time.UnixMilli(last).UTC().Format("2006-01-02T15:04:05.000Z")
			status["lastReceivedMessageTimestamp"], status["lastForwardedMessageTimestamp"] = at, at
		}
	}
	encoded, err := json.Marshal(status)
	return string(encoded), err
}
