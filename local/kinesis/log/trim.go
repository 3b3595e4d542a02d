package log

import "fmt"

// Trim deletes the segments all of whose records arrived before a time in milliseconds, except the last one. It returns
// the number of segments deleted.
func (l *Log) Trim(arrival int64) (int, error) {
	deleted := 0
	for {
		s := l.detach(arrival)
		if s == nil {
			return deleted, nil
		}
		if err := l.cfg.FS.Remove(s.name); err != nil {
			return deleted, fmt.Errorf("delete log file past retention: %w", err)
		}
		deleted++
	}
}

// detach takes the oldest segment out if it is old enough. If its file then cannot be deleted, or reappears after a power
// cut, it is there again at the next Open: nothing depends on its being gone.
func (l *Log) detach(arrival int64) *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.segments) < 2 || l.segments[1].floor >= arrival {
		return nil
	}
	s := l.segments[0]
	l.segments = l.segments[1:]
	return s
}
