package aggregate

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sealed is an aggregated record with that message.
func sealed(message string) []byte {
	sum := md5.Sum([]byte(message))
	return append([]byte(Magic+message), sum[:]...)
}

// The bytes of the format are written out by hand here, so that both directions can be wrong only one at a time.
func TestKnownBytes(t *testing.T) {
	var e Encoder
	e.Add(UserRecord{PartitionKey: "k", Data: []byte("ab")})
	e.Add(UserRecord{PartitionKey: "k", ExplicitHashKey: "7", Data: nil})
	e.Add(UserRecord{PartitionKey: "l", Data: []byte{0}})
	message := "\x0a\x01k" + "\x12\x017" + "\x0a\x01l" +
		"\x1a\x06\x08\x00\x1a\x02ab" + "\x1a\x06\x08\x00\x10\x00\x1a\x00" + "\x1a\x05\x08\x01\x1a\x01\x00"
	if got, want := e.Append(nil), sealed(message); !bytes.Equal(got, want) {
		t.Errorf("packed\n%s\nwant\n%s", hex.Dump(got), hex.Dump(want))
	}
	if e.Size() != len(e.Append(nil)) || e.Len() != 3 {
		t.Errorf("size %d, length %d", e.Size(), e.Len())
	}
	got, err := Decode(sealed(message))
	want := []UserRecord{{"k", "", []byte("ab")}, {"k", "7", []byte{}}, {"l", "", []byte{0}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestFaults(t *testing.T) {
	good := sealed("\x0a\x01k\x1a\x06\x08\x00\x1a\x02ab")
	flipped := bytes.Clone(good)
	flipped[6] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want Fault
	}{
		"plain":                   {[]byte("{\"a\":1}, and so on and on"), BadChecksum},
		"magic alone":             {[]byte(Magic), BadChecksum},
		"one bit":                 {flipped, BadChecksum},
		"cut":                     {good[:len(good)-1], BadChecksum},
		"nothing inside":          {sealed(""), Empty},
		"keys only":               {sealed("\x0a\x01k"), Empty},
		"no such key":             {sealed("\x0a\x01k\x1a\x06\x08\x01\x1a\x02ab"), BadIndex},
		"no key":                  {sealed("\x0a\x01k\x1a\x04\x1a\x02ab"), BadIndex},
		"no such hash key":        {sealed("\x0a\x01k\x1a\x08\x08\x00\x10\x00\x1a\x02ab"), BadIndex},
		"index beyond int64":      {sealed("\x0a\x01k\x1a\x0f\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x02ab"), BadIndex},
		"tag cut":                 {sealed("\x80"), BadMessage},
		"field 0":                 {sealed("\x02\x00"), BadMessage},
		"length past the end":     {sealed("\x0a\x05k"), BadMessage},
		"a group":                 {sealed("\x0b"), BadMessage},
		"keys as a number":        {sealed("\x08\x01"), BadMessage},
		"data as a number":        {sealed("\x0a\x01k\x1a\x04\x08\x00\x18\x05"), BadMessage},
		"partition key as a text": {sealed("\x0a\x01k\x1a\x03\x0a\x01k"), BadMessage},
	} {
		got, err := Decode(c.data)
		var fault *Error
		if !errors.As(err, &fault) || fault.Fault != c.want || got != nil {
			t.Errorf("%s: %d records, error %v, want fault %d", name, len(got), err, c.want)
		}
	}
	if Is([]byte(Magic)) || !Is(good) || Is(nil) {
		t.Error("wrong about what is aggregated")
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	message := "\x0a\x01k" + "\x25\x01\x02\x03\x04" + "\x29\x01\x02\x03\x04\x05\x06\x07\x08" + "\x30\x07" +
		"\x1a\x0a\x08\x00\x1a\x02ab\x22\x02tg"
	got, err := Decode(sealed(message))
	if err != nil || len(got) != 1 || string(got[0].Data) != "ab" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestManyAndAgain(t *testing.T) {
	var e Encoder
	for round := range 3 {
		e.Reset()
		if len(e.Append(nil)) != 0 {
			t.Fatal("packed nothing into something")
		}
		var want []UserRecord
		for i := range 1000 + round {
			r := UserRecord{PartitionKey: fmt.Sprint(i % 300), Data: bytes.Repeat([]byte{byte(i)}, i%500)}
			if i%7 == 0 {
				r.ExplicitHashKey = fmt.Sprint(i)
			}
			before := e.Grown(r)
			e.Add(r)
			if e.Size() > before {
				t.Fatalf("grew to %d, at most %d was promised", e.Size(), before)
			}
			want = append(want, r)
		}
		got, err := Decode(e.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

// FuzzDecode seals any message, since a random checksum never fits.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x0a\x01k\x1a\x06\x08\x00\x1a\x02ab"))
	f.Add([]byte("\x0a\x01k\x12\x017\x1a\x08\x08\x00\x10\x00\x1a\x02ab"))
	f.Fuzz(func(t *testing.T, message []byte) {
		records, err := Decode(sealed(string(message)))
		var fault *Error
		if err != nil {
			if !errors.As(err, &fault) || records != nil {
				t.Fatalf("%d records, error %v", len(records), err)
			}
			return
		}
		var e Encoder
		for _, r := range records {
			e.Add(r)
		}
		again, err := Decode(e.Append(nil))
		if diff := cmp.Diff(len(records), len(again)); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		for i := range again {
			if again[i].PartitionKey != records[i].PartitionKey || again[i].ExplicitHashKey != records[i].ExplicitHashKey || !bytes.Equal(again[i].Data, records[i].Data) {
				t.Fatalf("record %d changed", i)
			}
		}
	})
}

func FuzzRaw(f *testing.F) {
	f.Add(sealed("\x0a\x01k\x1a\x06\x08\x00\x1a\x02ab"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Decode(data); err == nil && !Is(data) {
			t.Error("unpacked what is not aggregated")
		}
	})
}
