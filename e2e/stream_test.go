package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/long"
	"github.com/snowstream/snowstream/snowpipe"
)

// TestStreamUnderKills streams numbered rows with our own client, on four channels, while the server is killed and started again
// at the same address, and stopped and continued. In the end each row is there once, in the order of its channel's tokens.
func TestStreamUnderKills(t *testing.T) {
	long.Test(t)
	const channels, rows, perAppend, blows = 4, 12000, 25, 6
	dir, port := t.TempDir(), strconv.Itoa(freePorts(t, portsOfAStack))
	run := func() *local { return start(t, dir, "--rate", "0.001", "--port", port, "--commit-tick", "100ms") }
	l := run()
	o := join(t, l.ready(t, dir))
	if _, err := o.db.ExecContext(t.Context(), "CREATE TABLE STREAMED (CHANNEL NUMBER NOT NULL, ID NUMBER NOT NULL, NAME VARCHAR)"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var writers sync.WaitGroup
	for n := range channels {
		writers.Go(func() {
			if err := streamRows(ctx, dir, n, rows, perAppend); err != nil {
				t.Errorf("channel %d: %v", n, err)
			}
		})
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for blow := range blows {
		time.Sleep(time.Duration(300+random.IntN(900)) * time.Millisecond) // the moment is what is random here
		if blow%2 == 0 {
			l.Process.Kill()
			l.Wait()
			l = run()
			l.ready(t, dir)
			continue
		}
		if err := l.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(2500)) * time.Millisecond) // beyond the client's time-out, sometimes
		if err := l.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	writers.Wait()
	o = join(t, l.ready(t, dir))
	if n := o.number(t, "SELECT COUNT(*) FROM STREAMED"); n != channels*rows {
		t.Errorf("the table has %d rows, not %d", n, channels*rows)
	}
	if n := o.number(t, "SELECT COUNT(*) FROM (SELECT DISTINCT CHANNEL, ID FROM STREAMED WHERE NAME = 'row ' || ID)"); n != channels*rows {
		t.Errorf("the table has %d different rows, not %d", n, channels*rows)
	}
	l.stop(t)
}

// streamRows appends rows 1 to last of one channel, in a new client after each trouble, and returns when all are committed.
func streamRows(ctx context.Context, dir string, channel, last, perAppend int) error {
	token := func(i int) string { return fmt.Sprintf("%020d", i) }
	for {
		err := streamOnce(ctx, dir, channel, last, perAppend, token)
		if err == nil || ctx.Err() != nil || snowpipe.ActionOf(err) == snowpipe.GiveUp {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func streamOnce(ctx context.Context, dir string, channel, last, perAppend int, token func(int) string) error {
	text, err := os.ReadFile(filepath.Join(dir, "settings.json"))
	var s struct {
		settings
		URL   string `json:"snowpipe_http_url"`
		Token string `json:"snowpipe_token"`
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return err
	}
	client, err := snowpipe.New(snowpipe.Config{URL: s.URL, Login: snowpipe.ProgrammaticAccessToken(s.Token, ""),
		Retry: snowpipe.Retry{Tries: 3, First: 50 * time.Millisecond, Longest: 200 * time.Millisecond, Timeout: time.Second}})
	if err != nil {
		return err
	}
	defer client.Close()
	c, err := client.DefaultPipe(s.Database, s.Schema, "STREAMED").Open(ctx, "CHANNEL-"+strconv.Itoa(channel), snowpipe.OpenOptions{})
	if err != nil {
		return err
	}
	next := 1
	if committed := c.Opened().CommittedToken; committed != "" {
		n, err := strconv.Atoi(committed)
		if err != nil {
			return err
		}
		next = n + 1
	}
	for next <= last {
		var b snowpipe.Batch
		for ; next <= last && b.Len() < perAppend; next++ {
			if err := b.Add(fmt.Appendf(nil, `{"CHANNEL":%d,"ID":%d,"NAME":"row %d"}`, channel, next, next), token(next)); err != nil {
				return err
			}
		}
		if err := c.Append(ctx, &b); err != nil {
			return err
		}
		select { // so that the blows meet appends
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err = c.Wait(waiting, func(committed string) bool { return committed >= token(last) }); err != nil && ctx.Err() == nil {
		return fmt.Errorf("wait for the commit, or start over: %w", err)
	}
	return err
}

// portsOfAStack is how many ports in a row a stack takes.
const portsOfAStack = 9

// freePorts is the first of n ports in a row that nobody listens on now.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first := 20000 + rand.IntN(12000)
		taken := false
		for i := range n {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i)))
			if taken = err != nil; taken {
				break
			}
			l.Close()
		}
		if !taken {
			return first
		}
	}
	t.Fatal("there are no free ports in a row")
	return 0
}
