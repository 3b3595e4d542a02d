package producer

import "time"

// Backfill is a stretch of simulated time that a run goes through as fast as the sink takes it. The load's rates are
// then records per simulated second.
type Backfill struct {
	// From is included, Until is not.
	From, Until time.Time
}

// backfill feeds second by second of simulated time, with its records spread evenly inside the second.
func (f *feed) backfill() error {
	now := f.config.Backfill.From
	p := newPace(f.load.Load(), now, time.Second)
	var times []time.Time
	for now.Before(f.config.Backfill.Until) && f.left > int64(len(times)) {
		step := min(time.Second, f.config.Backfill.Until.Sub(now))
		p.advance(now.Add(step))
		count := p.take()
		p.owed -= float64(count)
		for i := range count {
			times = append(times, now.Add(time.Duration(float64(step)*float64(i)/float64(count))))
			if len(times) == f.config.Batch {
				if err := f.handTimes(times); err != nil {
					return f.end(err)
				}
				times = nil
			}
		}
		now = now.Add(step)
		if f.ctx.Err() != nil {
			return nil
		}
	}
	err := f.end(f.handTimes(times))
	f.counts.complete.Store(err == nil)
	return err
}

func (f *feed) handTimes(times []time.Time) error {
	times = times[:min(int64(len(times)), f.left)]
	if len(times) == 0 {
		return nil
	}
	return f.hand(job{count: len(times), times: times})
}
