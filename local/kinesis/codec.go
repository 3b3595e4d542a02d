package kinesis

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// The two encodings of the protocol: the operations, members and errors are the same. In CBOR, as the Java SDKs speak it by
// default, a payload is a byte string and a time is an integer of milliseconds since 1970 under tag 1.
const (
	jsonType = "application/x-amz-json-1.1"
	cborType = "application/x-amz-cbor-1.1"
)

// Openings and the end of CBOR's lists of unknown length.
const (
	cborMap   = 0xbf
	cborArray = 0x9f
	cborEnd   = 0xff
	cborTime  = 1 // tag
)

// cborCodec reads and writes CBOR. It never changes.
type cborCodec struct {
	cbor.UserBufferEncMode
	cbor.DecMode
}

func newCBOR() (cborCodec, error) {
	encode, err := cbor.EncOptions{TextMarshaler: cbor.TextMarshalerTextString, OmitEmpty: cbor.OmitEmptyGoValue}.UserBufferEncMode()
	if err != nil {
		return cborCodec{}, err
	}
	decode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 32, MaxArrayElements: 131_072, MaxMapPairs: 131_072,
		TextUnmarshaler: cbor.TextUnmarshalerTextString, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode()
	return cborCodec{encode, decode}, err
}

// contentType is the encoding of a call, in which its answer is, too.
func (c *call) contentType() string {
	if c.cbor {
		return cborType
	}
	return jsonType
}

// decode reads the request into in.
func (s *Server) decode(c *call, in any) error {
	if !c.cbor {
		if err := json.Unmarshal(c.body, in); err != nil {
			return notJSON(err)
		}
		return nil
	}
	if err := s.codec.Unmarshal(c.body, in); err != nil {
		return notCBOR(err)
	}
	return nil
}

// encode makes out the answer.
func (s *Server) encode(c *call, out any) (err error) {
	if !c.cbor {
		c.out, err = json.Marshal(out)
		return err
	}
	c.out, err = s.appendCBOR(c.out, out)
	return err
}

// appendCBOR appends a value.
func (s *Server) appendCBOR(out []byte, value any) ([]byte, error) {
	buf := bytes.NewBuffer(out)
	err := s.codec.MarshalToBuffer(value, buf)
	return buf.Bytes(), err
}

// notJSON names the field that could not be read, never its value.
func notJSON(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return unreadable("Field %s cannot be read from a JSON %s.", wrong.Field, strings.Fields(wrong.Value)[0])
	}
	return unreadable("The request is not the JSON of this operation.")
}

func notCBOR(err error) error {
	var wrong *cbor.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.StructFieldName != "" {
		return unreadable("Field %s cannot be read from a CBOR %s.", wrong.StructFieldName, wrong.CBORType)
	}
	return unreadable("The request is not the CBOR of this operation.")
}

// MarshalCBOR implements cbor.Marshaler.
func (t epochTime) MarshalCBOR() ([]byte, error) {
	return cbor.Marshal(cbor.Tag{Number: cborTime, Content: int64(t)})
}

// UnmarshalCBOR reads milliseconds, under their tag or without it.
func (t *epochTime) UnmarshalCBOR(data []byte) error {
	var tag cbor.RawTag
	if cbor.Unmarshal(data, &tag) == nil && tag.Number == cborTime {
		data = tag.Content
	}
	var ms float64
	if err := cbor.Unmarshal(data, &ms); err != nil || math.Abs(ms) > 1e15 {
		return errors.New("a time is milliseconds since 1970")
	}
	*t = epochTime(math.Round(ms))
	return nil
}

// cborPut is a put in CBOR; PutRecord has one record's members beside the target's.
type cborPut struct {
	StreamName, StreamARN     string
	SequenceNumberForOrdering string
	DryRun                    bool
	Records                   *[]cborEntry
	cborEntry
}

type cborEntry struct {
	Data            []byte
	PartitionKey    string
	ExplicitHashKey *string
}

// entry is the record as putRecords takes it.
func (e *cborEntry) entry() putEntry {
	out := putEntry{key: []byte(e.PartitionKey), data: e.Data}
	if e.ExplicitHashKey != nil {
		out.explicitHash = []byte(*e.ExplicitHashKey)
	}
	return out
}

// decodeCBORPut is decodePut for CBOR.
func (s *Server) decodeCBORPut(c *call) error {
	var in cborPut
	if err := s.decode(c, &in); err != nil {
		return err
	}
	c.target, c.orderAfter, c.dryRun = target{in.StreamName, in.StreamARN}, in.SequenceNumberForOrdering, in.DryRun
	c.entries, c.listed = c.entries[:0], in.Records != nil
	if !c.listed {
		c.entries = append(c.entries, in.entry())
		return nil
	}
	for i := range *in.Records {
		if len(c.entries) > maxRecordsCall {
			break
		}
		c.entries = append(c.entries, (*in.Records)[i].entry())
	}
	return nil
}

// storedOutput is the answer to a put of one record, or for one of several.
type storedOutput struct {
	SequenceNumber string `json:",omitempty"`
	ShardId        string `json:",omitempty"`
	ErrorCode      string `json:",omitempty"`
	ErrorMessage   string `json:",omitempty"`
	EncryptionType string `json:",omitempty"`
}

type putRecordsOutput struct {
	EncryptionType    string
	Records           []storedOutput
	FailedRecordCount int
}

// stored is appendStored for CBOR.
func (b *batch) stored() storedOutput {
	out := storedOutput{SequenceNumber: string(b.number.text[:]), ShardId: b.shard.name}
	b.number.next()
	return out
}

// answerRecordsCBOR is answerRecords for CBOR.
func (s *Server) answerRecordsCBOR(c *call) error {
	out := putRecordsOutput{EncryptionType: noEncryption, Records: make([]storedOutput, 0, len(c.placed))}
	for _, p := range c.placed {
		b := &c.batches[p.batch]
		var failure *apiError
		switch {
		case p.refused:
			failure = s.rateExceeded(b.shard)
		case b.err != nil:
			failure = s.notStored(b)
		default:
			out.Records = append(out.Records, b.stored())
			continue
		}
		out.FailedRecordCount++
		out.Records = append(out.Records, storedOutput{ErrorCode: failure.Code, ErrorMessage: failure.Message})
	}
	return s.encode(c, out)
}

// recordOutput is a record in CBOR; its bytes are those of the log's.
type recordOutput struct {
	SequenceNumber              string
	ApproximateArrivalTimestamp epochTime
	Data                        []byte
	PartitionKey                string
}
