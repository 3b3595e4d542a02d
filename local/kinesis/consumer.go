package kinesis

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// consumerRecord is a registered consumer in stream.json. Created is in ms since 1970.
type consumerRecord struct {
	Name    string
	Created int64
	Tags    map[string]string `json:",omitempty"`
}

// consumerOutput is a consumer as the service shows it; StreamARN only where it is described alone.
type consumerOutput struct {
	ConsumerName, ConsumerARN, ConsumerStatus string
	ConsumerCreationTimestamp                 epochTime
	StreamARN                                 string `json:",omitempty"`
}

// consumerARN holds the time of registration, so that a name that is registered again is another consumer.
func (st *stream) consumerARN(c consumerRecord) string {
	return fmt.Sprintf("%s/consumer/%s:%d", st.arn(), c.Name, c.Created/1000)
}

func (st *stream) consumerOutput(c consumerRecord) consumerOutput {
	return consumerOutput{
		ConsumerName: c.Name, ConsumerARN: st.consumerARN(c), ConsumerStatus: "ACTIVE",
		ConsumerCreationTimestamp: epochTime(c.Created),
	}
}

type registerConsumerInput struct {
	StreamARN, ConsumerName string
	Tags                    map[string]string
}

type registerConsumerOutput struct{ Consumer consumerOutput }

// registerConsumer answers after the consumer is durable; it is ACTIVE at once.
func (s *Server) registerConsumer(in *registerConsumerInput) (out registerConsumerOutput, err error) {
	var bad violations
	bad.required(in.StreamARN, "streamARN")
	bad.add(validStreamName(in.ConsumerName), nil, "consumerName",
		"Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+ and have length between 1 and 128")
	if err := bad.err(); err != nil {
		return out, err
	}
	if err := checkTags(in.Tags); err != nil {
		return out, err
	}
	st, err := s.stream(target{StreamARN: in.StreamARN})
	if err != nil {
		return out, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case slices.ContainsFunc(st.Consumers, func(c consumerRecord) bool { return c.Name == in.ConsumerName }):
		return out, inUse("Consumer %s of stream %s already exists.", in.ConsumerName, st.Name)
	case len(st.Consumers) >= maxConsumers:
		return out, limitExceeded("Stream %s has the most consumers there can be: %d.", st.Name, maxConsumers)
	}
	c := consumerRecord{in.ConsumerName, time.Now().UnixMilli(), in.Tags}
	next := st.streamRecord
	next.Consumers = append(slices.Clone(st.Consumers), c)
	out.Consumer = st.consumerOutput(c)
	return out, st.save(next)
}

// consumerTarget names a consumer by its ARN, or by its stream and name.
type consumerTarget struct{ StreamARN, ConsumerName, ConsumerARN string }

// consumer finds a stream, and which of its consumers is meant by its place among them. The caller holds no mu; by the
// time it takes it, consumers may have changed, so find gives the place.
func (s *Server) consumer(in consumerTarget) (st *stream, find func() (int, error), err error) {
	streamARN := in.StreamARN
	if in.ConsumerARN != "" {
		streamARN, _, _ = strings.Cut(in.ConsumerARN, "/consumer/")
	}
	if st, err = s.stream(target{StreamARN: streamARN}); err != nil {
		return nil, nil, err
	}
	return st, func() (int, error) {
		i := slices.IndexFunc(st.Consumers, func(c consumerRecord) bool {
			return in.ConsumerARN == st.consumerARN(c) || in.ConsumerARN == "" && in.ConsumerName == c.Name
		})
		if i < 0 {
			return 0, notFound("Consumer %s%s of stream %s not found.", in.ConsumerARN, in.ConsumerName, st.Name)
		}
		return i, nil
	}, nil
}

type describeConsumerOutput struct{ ConsumerDescription consumerOutput }

func (s *Server) describeConsumer(in *consumerTarget) (out describeConsumerOutput, err error) {
	st, find, err := s.consumer(*in)
	if err != nil {
		return out, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	i, err := find()
	if err != nil {
		return out, err
	}
	out.ConsumerDescription = st.consumerOutput(st.Consumers[i])
	out.ConsumerDescription.StreamARN = st.arn()
	return out, nil
}

// deregisterConsumer also ends the consumer's subscriptions.
func (s *Server) deregisterConsumer(in *consumerTarget) error {
	st, find, err := s.consumer(*in)
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	i, err := find()
	if err != nil {
		return err
	}
	arn, next := st.consumerARN(st.Consumers[i]), st.streamRecord
	next.Consumers = slices.Delete(slices.Clone(st.Consumers), i, i+1)
	if err := st.save(next); err != nil {
		return err
	}
	s.unsubscribe(arn)
	return nil
}

type listConsumersInput struct {
	StreamARN               string
	MaxResults              *int64
	NextToken               string
	StreamCreationTimestamp *epochTime
}

type listConsumersOutput struct {
	Consumers []consumerOutput
	NextToken string `json:",omitempty"`
}

func (s *Server) listConsumers(in *listConsumersInput) (out listConsumersOutput, err error) {
	var bad violations
	bad.between(in.MaxResults, "maxResults", 1, maxPage)
	if err := bad.err(); err != nil {
		return out, err
	}
	after := ""
	if in.NextToken != "" {
		t, err := s.pageToken(in.NextToken, tokenConsumers)
		if err != nil {
			return out, err
		}
		after = t.Stream
	}
	st, err := s.stream(target{StreamARN: in.StreamARN})
	if err != nil {
		return out, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	out.Consumers = []consumerOutput{}
	for _, c := range slices.SortedFunc(slices.Values(st.Consumers), func(a, b consumerRecord) int { return strings.Compare(a.Name, b.Name) }) {
		if c.Name <= after {
			continue
		}
		if len(out.Consumers) == limitOr(in.MaxResults, defaultStreamPage) {
			out.NextToken, err = s.seal(token{
				Kind: tokenConsumers, Issued: time.Now().UnixMilli(), Stream: out.Consumers[len(out.Consumers)-1].ConsumerName,
			})
			return out, err
		}
		out.Consumers = append(out.Consumers, st.consumerOutput(c))
	}
	return out, nil
}
