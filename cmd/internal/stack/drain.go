//go:build cgo

package stack

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	// nameAfter is how long a drain may be silent.
	nameAfter = 5 * time.Second
	// nameAgain is how often it repeats what it waits for while that stays the same.
	nameAgain = time.Minute
)

// Drain returns when every record that is in the stream now is where it belongs: no batching window is waited for. A wait
// of more than nameAfter is named to Config.Say. What can never come, because its stream, queue or bucket is gone, is let
// go and said.
func (s *Stack) Drain(ctx context.Context) error {
	for _, step := range []struct {
		what    string
		wait    func(context.Context) error
		waiting func() string
	}{
		{"hand over what is left in the stream", s.lambda.Drain, s.lambda.Waiting},
		{"have the last rows committed", s.settle, func() string { return "the streaming table to show the last rows" }},
		{"deliver the last notifications", s.s3.Flush, s.s3.Waiting},
		{"load the last files", s.warehouse.Idle, func() string { return "the pipe to load the last files" }},
	} {
		err := named(ctx, step.wait, step.waiting, s.say)
		if problem := s.disk.problem(); err != nil && problem != "" {
			return fmt.Errorf("%s: %s: %w", step.what, strings.TrimSuffix(problem, "."), err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// named waits, and says what for if it takes long.
func named(ctx context.Context, wait func(context.Context) error, waiting func() string, say func(string)) error {
	done := make(chan error, 1)
	go func() { done <- wait(ctx) }() // ends with ctx, and below is waited for
	began, said := time.Now(), ""
	next := began.Add(nameAgain)
	tick := time.NewTicker(nameAfter)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case now := <-tick.C:
			what := waiting()
			if what == "" || what == said && now.Before(next) {
				continue
			}
			said, next = what, now.Add(nameAgain)
			say(fmt.Sprintf("Waiting for %s, %s so far.", what, now.Sub(began).Round(time.Second)))
		}
	}
}
