package snowpipe_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/snowstream/snowstream/snowpipe"
)

// Rows with numbers go into a channel once, whatever happened to the program before.
func Example() {
	account := standIn()
	defer account.Close()
	key, err := rsa.GenerateKey(rand.Reader, 2048) // read yours from a file or a secret
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	client, err := snowpipe.New(snowpipe.Config{URL: account.URL, Login: snowpipe.KeyPair("MYORG-MYACCOUNT", "LOADER", "LOADER_ROLE", key)})
	if err != nil {
		panic(err)
	}
	channel, err := client.DefaultPipe("DB", "PUBLIC", "EVENTS").Open(ctx, "EVENTS-0", snowpipe.OpenOptions{Wait: 20 * time.Second})
	if err != nil {
		panic(err)
	}
	events := []string{"one", "two", "three"}
	encoder, err := snowpipe.NewEncoder(snowpipe.Column{Name: "ID"}, snowpipe.Column{Name: "NAME", Type: snowpipe.Text})
	if err != nil {
		panic(err)
	}
	var batch snowpipe.Batch
	for i, name := range events {
		token := fmt.Sprintf("%020d", i+1)
		if token <= channel.Opened().CommittedToken {
			continue // it is in the table since an earlier run
		}
		row, err := encoder.AppendRow(nil, []snowpipe.Value{{Text: []byte(fmt.Sprint(i + 1))}, {Text: []byte(name)}})
		if err != nil {
			panic(err)
		}
		if err := batch.Add(row, token); err != nil {
			panic(err)
		}
	}
	fmt.Println("to append:", batch.Len())
	if err := channel.Append(ctx, &batch); err != nil {
		panic(err)
	}
	status, err := channel.Wait(ctx, func(committed string) bool { return committed >= "00000000000000000003" })
	if err != nil {
		panic(err)
	}
	fmt.Println("committed:", status.CommittedToken)
	// Output:
	// to append: 2
	// committed: 00000000000000000003
}

// What to do about an error is a question to the error.
func ExampleActionOf() {
	err := error(&snowpipe.Error{Op: "append to channel C", Status: http.StatusBadRequest, Code: snowpipe.CodeStale, Action: snowpipe.OpenAgain})
	switch snowpipe.ActionOf(err) {
	case snowpipe.TryAgain:
		fmt.Println("later")
	case snowpipe.OpenAgain:
		fmt.Println("is the channel still mine? then open it and append what follows its committed token")
	case snowpipe.NewClient:
		fmt.Println("a new client, then open")
	case snowpipe.GiveUp:
		fmt.Println("tell a person:", err)
	}
	// Output: is the channel still mine? then open it and append what follows its committed token
}

// NULL in a VARIANT is a key that is left out, and digits are never rounded.
func ExampleEncoder() {
	e, err := snowpipe.NewEncoder(
		snowpipe.Column{Name: "ID", Type: snowpipe.Number}, snowpipe.Column{Name: "OK", Type: snowpipe.Boolean}, snowpipe.Column{Name: "REST", Type: snowpipe.Variant})
	if err != nil {
		panic(err)
	}
	row, err := e.AppendRow(nil, []snowpipe.Value{{Text: []byte("9007199254740993")}, {Text: []byte("true")}, {Null: true}})
	fmt.Println(string(row), err)
	_, err = e.AppendRow(nil, []snowpipe.Value{{Text: []byte("1")}, {Text: []byte("1")}, {Null: true}})
	fmt.Println(err)
	// Output:
	// {"ID":9007199254740993,"OK":true} <nil>
	// column OK, BOOLEAN: the value is neither true nor false; numbers are not taken
}

// An elastic channel needs no opening; what it has answered is durable.
func ExampleElastic() {
	account := standIn()
	defer account.Close()
	client, err := snowpipe.New(snowpipe.Config{URL: account.URL, Login: snowpipe.ProgrammaticAccessToken("secret", "")})
	if err != nil {
		panic(err)
	}
	var batch snowpipe.Batch
	if err := batch.Add([]byte(`{"ID":1}`), ""); err != nil {
		panic(err)
	}
	durable, err := client.Elastic("DB", "PUBLIC", "EVENTS").Append(context.Background(), &batch)
	fmt.Println(durable, err)
	// Output: 1 <nil>
}

// standIn is a service with one channel that has committed the first row.
func standIn() *httptest.Server {
	committed := "00000000000000000001"
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := map[string]any{"channel_name": "EVENTS-0", "channel_status_code": "SUCCESS", "last_committed_offset_token": committed}
		var answer any
		switch {
		case r.URL.Path == "/v2/streaming/hostname":
			_, _ = io.WriteString(w, "127.0.0.1")
			return
		case r.URL.Path == "/oauth/token":
			_, _ = io.WriteString(w, "token-for-the-ingest-host")
			return
		case strings.HasSuffix(r.URL.Path, ":bulk-channel-status"):
			answer = map[string]any{"channel_statuses": map[string]any{"EVENTS-0": status}}
		case strings.HasSuffix(r.URL.Path, "/rows"):
			committed = r.URL.Query().Get("endOffsetToken")
			answer = map[string]any{"next_continuation_token": "2"}
		default:
			answer = map[string]any{"next_continuation_token": "1", "channel_status": status}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
}
