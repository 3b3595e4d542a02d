package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/aggregate"
)

// narrow is the schema of the run; wide is the one to which it is changed before quarantine is replayed.
func narrow() record.Schema {
	return record.Schema{
		Columns: []record.Column{
			{Path: []string{"sensorId"}, Name: "SENSORID", Type: record.Integer, Required: true},
			{Path: []string{"currentTemperature"}, Name: "CURRENTTEMPERATURE", Type: record.Integer, Required: true},
			{Path: []string{"status"}, Name: "STATUS", Type: record.String, Required: true},
			{Path: []string{"note"}, Name: "NOTE", Type: record.String},
			{Path: []string{"amount"}, Name: "AMOUNT", Type: record.Number, Precision: 20, Scale: 4},
		},
		Unknown: record.Keep, Rest: "REST",
		Folder: record.Folder{Label: "sensor", Field: "sensorId"},
	}
}

func wide() record.Schema {
	s := narrow()
	s.Columns[2].Required = false
	return s
}

// fields are a payload under construction: JSON members, and the row they must become.
type fields struct {
	members []string
	want    row
}

func (f *fields) add(name, text, column string, want value) {
	f.members = append(f.members, fmt.Sprintf("%q:%s", name, text))
	f.want[column] = want
}

func (w *world) pick(from ...string) string { return from[w.random.IntN(len(from))] }

func quoted(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string
	}
	return string(out)
}

// text draws strings that break what handles them carelessly.
func (w *world) text() string {
	return w.pick("OK", "", `\N`, "a\r\nb", "\r", "\n", `he said "x"`, `"`, "=cmd()", " both ends ", "NULL", "null", "ü€😀", "a,b", `\`,
		"x\x00y", "'; DROP TABLE t; --", "\u2028<&>", "~none", strings.Repeat("long ", 40))
}

// integer draws numbers that a float64 does not hold, among plain ones.
func (w *world) integer() string {
	return w.pick("64", "0", "-5", "9007199254740993", "9223372036854775808", "-99999999999999999999999999999999999999", fmt.Sprint(w.random.IntN(100)))
}

func (w *world) good() fields {
	f := fields{want: row{"NOTE": {null: true}, "AMOUNT": {null: true}, "REST": {null: true}}}
	id, temperature, status := fmt.Sprint(w.random.IntN(9)), w.integer(), w.text()
	f.add("sensorId", id, "SENSORID", value{text: id})
	f.add("currentTemperature", temperature, "CURRENTTEMPERATURE", value{text: temperature})
	f.add("status", quoted(status), "STATUS", value{text: status})
	switch w.random.IntN(3) {
	case 0:
		note := w.text()
		f.add("note", quoted(note), "NOTE", value{text: note})
	case 1:
		f.add("note", "null", "NOTE", value{null: true})
	}
	if w.random.IntN(3) == 0 {
		amount := w.pick("12.5 12.5000", "-0.0001 -0.0001", "9007199254740993.25 9007199254740993.2500", "1e3 1000.0000")
		text, want, _ := strings.Cut(amount, " ")
		f.add("amount", text, "AMOUNT", value{text: want})
	}
	if w.random.IntN(4) == 0 {
		extra := w.pick(`9007199254740993`, `{"a":[1,null,"x"]}`, `"\\N"`)
		f.add("extra", extra, "REST", value{text: `{"extra":` + extra + `}`})
	}
	w.random.Shuffle(len(f.members), func(i, j int) { f.members[i], f.members[j] = f.members[j], f.members[i] })
	return f
}

func (f fields) json() []byte { return []byte("{" + strings.Join(f.members, ",") + "}") }

// one is a user record that was not packed in any way.
func (w *world) one(key string) user {
	f := w.good()
	u := user{key: key, data: f.json(), want: f.want}
	switch {
	case w.hit(poison):
		w.spoil(&u, f)
	case w.hit(rowRefused):
		w.lengthen(&u, f, never)
	case w.hit(rowRefusedForATime):
		w.lengthen(&u, f, forATime)
	}
	return u
}

// spoil makes a record that cannot become a row.
func (w *world) spoil(u *user, f fields) {
	u.want = nil
	member := func(name, text string) {
		for i, m := range f.members {
			if strings.HasPrefix(m, `"`+name+`":`) {
				f.members[i] = fmt.Sprintf("%q:%s", name, text)
			}
		}
		u.data = f.json()
	}
	switch w.random.IntN(10) {
	case 0:
		u.data, u.code = []byte(`{"sensorId": oops`), "not_json"
	case 1:
		u.data, u.code = []byte{}, "empty"
	case 2:
		member("status", "null")
		u.code = "null_field"
		if w.random.IntN(2) == 0 {
			f.members = slices.DeleteFunc(f.members, func(m string) bool { return strings.HasPrefix(m, `"status"`) })
			u.data, u.code = f.json(), "missing_field"
		}
		u.mended = f.want
		u.mended["STATUS"] = value{null: true}
	case 3:
		member("currentTemperature", "64.7")
		u.code = "not_exact"
	case 4:
		member("currentTemperature", strings.Repeat("9", 39))
		u.code = "out_of_range"
	case 5:
		member("sensorId", `"6"`)
		u.code = "wrong_type"
	case 6:
		member("status", "\"\xff\"")
		u.code = "not_utf8"
	case 7:
		member("status", `"\ud800"`)
		u.code = "lone_surrogate"
	case 8:
		member("currentTemperature", "NaN")
		u.code = "not_json"
	case 9:
		f.members = append(f.members, `"status":"again"`)
		u.data, u.code = f.json(), "duplicate_field"
	}
}

// payload is one Kinesis record's data, and the user records that are meant by it.
func (w *world) payload(key string) ([]user, []byte) {
	switch {
	case w.hit(brokenAggregate):
		_, data := w.packed(key)
		data[len(data)-1] ^= 1
		return []user{{key: key, data: data, code: "bad_aggregate"}}, data
	case w.hit(aggregated):
		return w.packed(key)
	}
	u := w.one(key)
	switch {
	case len(u.data) > 0 && w.hit(brokenCompression):
		data := zipped(u.data)
		data = data[:len(data)-9]
		return []user{{key: key, data: data, code: "bad_compression"}}, data
	case len(u.data) > 0 && w.hit(compressed):
		return []user{u}, zipped(u.data)
	}
	return []user{u}, u.data
}

func (w *world) packed(key string) ([]user, []byte) {
	var e aggregate.Encoder
	users := make([]user, 1+w.random.IntN(4))
	for i := range users {
		users[i] = w.one(key)
		e.Add(aggregate.UserRecord{PartitionKey: key, Data: users[i].data})
	}
	return users, e.Append(nil)
}

func zipped(data []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		panic(err) // into memory
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}
