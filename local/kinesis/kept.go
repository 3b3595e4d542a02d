package kinesis

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// The operations below keep what they are told and show it again, so that tools which manage streams find what they set.
// Nothing here is encrypted, monitored, warmed up or permitted by it.

type encryptionInput struct {
	target
	EncryptionType, KeyId string
}

func (in *encryptionInput) check() error {
	var bad violations
	bad.add(in.EncryptionType == "KMS", nil, "encryptionType", "Member must satisfy enum value set: [KMS]")
	bad.required(in.KeyId, "keyId")
	return bad.err()
}

func (s *Server) startEncryption(in *encryptionInput) error {
	if err := in.check(); err != nil {
		return err
	}
	return s.change(in.target, func(st *stream) error {
		next := st.streamRecord
		next.KeyID = in.KeyId
		return st.save(next)
	})
}

func (s *Server) stopEncryption(in *encryptionInput) error {
	if err := in.check(); err != nil {
		return err
	}
	return s.change(in.target, func(st *stream) error {
		next := st.streamRecord
		next.KeyID = ""
		return st.save(next)
	})
}

type monitoringInput struct {
	target
	ShardLevelMetrics []string
}

type monitoringOutput struct {
	StreamName, StreamARN                              string
	CurrentShardLevelMetrics, DesiredShardLevelMetrics []string
}

// shardMetrics are all names of metrics, behind the word for all of them.
var shardMetrics = []string{
	"ALL", "IncomingBytes", "IncomingRecords", "IteratorAgeMilliseconds", "OutgoingBytes", "OutgoingRecords",
	"ReadProvisionedThroughputExceeded", "WriteProvisionedThroughputExceeded",
}

func (s *Server) enableMonitoring(in *monitoringInput) (monitoringOutput, error) {
	return s.setMonitoring(in, func(now, named []string) []string { return append(now, named...) })
}

func (s *Server) disableMonitoring(in *monitoringInput) (monitoringOutput, error) {
	return s.setMonitoring(in, func(now, named []string) []string {
		return slices.DeleteFunc(now, func(name string) bool { return slices.Contains(named, name) })
	})
}

func (s *Server) setMonitoring(in *monitoringInput, edit func(now, named []string) []string) (out monitoringOutput, err error) {
	var bad violations
	bad.add(len(in.ShardLevelMetrics) > 0, nil, "shardLevelMetrics", "Member must have length greater than or equal to 1")
	for _, name := range in.ShardLevelMetrics {
		bad.add(slices.Contains(shardMetrics, name), nil, "shardLevelMetrics", "Member must satisfy enum value set: [%s]", strings.Join(shardMetrics, ", "))
	}
	if err := bad.err(); err != nil {
		return out, err
	}
	named := in.ShardLevelMetrics
	if slices.Contains(named, shardMetrics[0]) {
		named = shardMetrics[1:]
	}
	err = s.change(in.target, func(st *stream) error {
		next := st.streamRecord
		next.Metrics = edit(slices.Clone(st.Metrics), named)
		slices.Sort(next.Metrics)
		next.Metrics = slices.Compact(next.Metrics)
		out = monitoringOutput{st.Name, st.arn(), append([]string{}, st.Metrics...), append([]string{}, next.Metrics...)}
		return st.save(next)
	})
	return out, err
}

type warmThroughputInput struct {
	target
	WarmThroughputMiBps *int64
}

type warmThroughputOutput struct {
	StreamName, StreamARN string
	WarmThroughput        warmThroughput
}

func (s *Server) updateWarmThroughput(in *warmThroughputInput) (out warmThroughputOutput, err error) {
	var bad violations
	bad.add(in.WarmThroughputMiBps != nil, "null", "warmThroughputMiBps", "Member must not be null")
	bad.between(in.WarmThroughputMiBps, "warmThroughputMiBps", 0, maxWarmMiBps)
	if err := bad.err(); err != nil {
		return out, err
	}
	err = s.change(in.target, func(st *stream) error {
		next := st.streamRecord
		next.WarmMiBps = int(*in.WarmThroughputMiBps)
		out = warmThroughputOutput{st.Name, st.arn(), warmThroughput{next.WarmMiBps, st.WarmMiBps}}
		return st.save(next)
	})
	return out, err
}

type policyInput struct{ ResourceARN, Policy string }

type policyOutput struct{ Policy string }

// maxPolicy is the longest policy in bytes.
const maxPolicy = 20 << 10

// changePolicy edits the policies of the stream that a resource belongs to.
func (s *Server) changePolicy(in *policyInput, edit func(map[string]string) error) error {
	about, consumer := (&tagsInput{ResourceARN: in.ResourceARN}).resource()
	return s.change(about, func(st *stream) error {
		if _, err := st.tags(consumer); err != nil { // the consumer is there
			return err
		}
		next := st.streamRecord
		if next.Policies = maps.Clone(st.Policies); next.Policies == nil {
			next.Policies = map[string]string{}
		}
		if err := edit(next.Policies); err != nil {
			return err
		}
		return st.save(next)
	})
}

func (s *Server) putPolicy(in *policyInput) error {
	if !json.Valid([]byte(in.Policy)) || len(in.Policy) > maxPolicy {
		return invalidArgument("The policy is not JSON, or longer than %d bytes.", maxPolicy)
	}
	return s.changePolicy(in, func(all map[string]string) error {
		all[in.ResourceARN] = in.Policy
		return nil
	})
}

func (s *Server) deletePolicy(in *policyInput) error {
	return s.changePolicy(in, func(all map[string]string) error {
		if _, there := all[in.ResourceARN]; !there {
			return notFound("No resource policy found for resource ARN %s", in.ResourceARN)
		}
		delete(all, in.ResourceARN)
		return nil
	})
}

func (s *Server) getPolicy(in *policyInput) (out policyOutput, err error) {
	about, consumer := (&tagsInput{ResourceARN: in.ResourceARN}).resource()
	st, err := s.stream(about)
	if err != nil {
		return out, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	if _, err := st.tags(consumer); err != nil {
		return out, err
	}
	policy, there := st.Policies[in.ResourceARN]
	if !there {
		return out, notFound("No resource policy found for resource ARN %s", in.ResourceARN)
	}
	return policyOutput{policy}, nil
}

type accountSettingsOutput struct {
	MinimumThroughputBillingCommitment struct{ Status string }
}

func (s *Server) accountSettings(*nothing) (out accountSettingsOutput, err error) {
	out.MinimumThroughputBillingCommitment.Status = "DISABLED"
	return out, nil
}
