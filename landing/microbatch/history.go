package microbatch

import (
	"context"
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Known reports whether the table has heard of an object in the last 13 days, loaded or refused: then the pipe will
// never load it again by itself, and its rows may be brought in another way. Snowflake keeps this history for 14 days,
// as long as a pipe remembers names.
func (p *Pipe) Known(ctx context.Context, key string) (known bool, err error) {
	var files int64
	err = p.session.Query(ctx, func(scan func(...any) error) error { return scan(&files) },
		"SELECT COUNT(*) FROM TABLE("+schema.Quote(p.names.Database)+".INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => "+
			schema.Literal(p.names.In(p.names.Microbatch))+`, START_TIME => DATEADD(day, -13, CURRENT_TIMESTAMP()))) WHERE "FILE_NAME" = ?`,
		strings.TrimPrefix(key, rawzone.Rows))
	if err != nil {
		return false, fmt.Errorf("look for %s in the load history of %s: %w", key, p.names.Microbatch, err)
	}
	return files > 0, nil
}
