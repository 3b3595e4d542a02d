package lambda

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// scheduledEvent is what an EventBridge rule with a rate sends to its target.
type scheduledEvent struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"`
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
	Detail     struct{} `json:"detail"`
}

// schedule queues a function's scheduled events until the host closes.
func (s *Server) schedule(fn *function) {
	tick := time.NewTicker(fn.Schedule)
	defer tick.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case now := <-tick.C:
			if err := s.queueScheduled(fn, now); err != nil {
				s.log.Warn("scheduled event not queued: the next one is", "function", fn.Name, "error", err)
			}
		}
	}
}

func (s *Server) queueScheduled(fn *function, now time.Time) error {
	event, err := json.Marshal(scheduledEvent{
		Version: "0", ID: uuid.NewString(), DetailType: "Scheduled Event", Source: "aws.events",
		Account: s.place.account, Time: now.UTC().Format(time.RFC3339), Region: s.place.region,
		Resources: []string{"arn:aws:events:" + s.place.region + ":" + s.place.account + ":rule/" + fn.Name},
	})
	if err != nil {
		return err
	}
	return s.queue.add(fn.Name, uuid.NewString(), event)
}
