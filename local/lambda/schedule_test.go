package lambda

import (
	"testing"
	"time"
)

// A scheduled function is called again and again, also after a restart, and a drain waits for the calls that are due.
func TestSchedule(t *testing.T) {
	cfg := testConfig(t, "", "")
	cfg.Functions[0].Schedule = time.Second
	h := open(t, cfg)
	eventually(t, "two scheduled calls", func() bool { return h.Stats().Queue.Delivered >= 2 })
	soon(t, h)
	h = h.reopen()
	eventually(t, "a scheduled call of the next host", func() bool { return h.Stats().Queue.Delivered >= 1 })
	if s := h.Stats().Queue; s.Discarded != 0 {
		t.Errorf("%+v", s)
	}
}

func TestScheduleIsChecked(t *testing.T) {
	cfg := testConfig(t, "", "")
	cfg.Functions[0].Schedule = time.Millisecond
	if s, err := Open(cfg); err == nil {
		s.Close()
		t.Error("a schedule of 1 ms was accepted")
	}
}
