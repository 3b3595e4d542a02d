package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/producer"
)

// controlHeader is on each request to the control endpoint. A page in a browser cannot set it.
const controlHeader = "X-Snowstream-Control"

// newRate is the body of a request for another rate.
type newRate struct {
	Rate float64 `json:"rate"`
}

// serveControl answers on a loopback address until it is closed:
//
//	GET /stats      what the run has come to, as the summary prints it
//	PUT /rate       {"rate":2000} makes the load constant from now on
func serveControl(address string, p *producer.Producer) (closeControl func() error, at string, err error) {
	if address == "off" {
		return func() error { return nil }, "", nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return func() error { return nil }, "", fmt.Errorf("open the control endpoint: %w", err)
	}
	server := &http.Server{Handler: controlHandler(p), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }() // ends with Close, which waits for it
	return func() error {
		err := server.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, l.Addr().String(), nil
}

func controlHandler(p *producer.Producer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(newSummary(p.Stats(), p.Target(), 0)) // a client that has gone needs no answer
	})
	mux.HandleFunc("PUT /rate", func(w http.ResponseWriter, r *http.Request) {
		var body newRate
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&body)
		if err == nil {
			err = p.SetRate(body.Rate)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if r.Header.Get(controlHeader) == "" || !isLoopback(host) {
			http.Error(w, "not a request of snowstream", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func newGenerateRate() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "rate [RECORDS-PER-SECOND]",
		Short: "Change the rate of a running generator, or show it",
		Example: `  snowstream generate rate 2000
  snowstream generate rate 0      # as fast as possible
  snowstream generate rate`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%s takes one rate (see `%s --help`)", cmd.CommandPath(), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if host, _, err := net.SplitHostPort(address); err != nil || !isLoopback(host) {
				return usageError{fmt.Errorf("--control %s: it is an address on this machine such as %s", address, controlAddress)}
			}
			if len(args) == 1 {
				rate, err := strconv.ParseFloat(args[0], 64)
				if err != nil || !(rate >= 0 && rate <= producer.MaxRate) {
					return usageError{fmt.Errorf("%q is no rate: it is 0 to %d records a second", args[0], producer.MaxRate)}
				}
				if err := putRate(cmd.Context(), address, rate); err != nil {
					return err
				}
			}
			return showRate(cmd.Context(), address, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&address, "control", controlAddress, "address of the generator's control endpoint")
	return cmd
}

func putRate(ctx context.Context, address string, rate float64) error {
	body, err := json.Marshal(newRate{rate})
	if err != nil {
		return err
	}
	_, err = callControl(ctx, http.MethodPut, address, "/rate", body)
	return err
}

func showRate(ctx context.Context, address string, w io.Writer) error {
	answer, err := callControl(ctx, http.MethodGet, address, "/stats", nil)
	if err != nil {
		return err
	}
	var s summary
	if err := json.Unmarshal(answer, &s); err != nil {
		return fmt.Errorf("ask the generator at %s: it answered with something else than its counts: %w", address, err)
	}
	target := "as fast as possible"
	if s.Target > 0 {
		target = strconv.FormatFloat(s.Target, 'g', 6, 64) + " records a second"
	}
	_, err = fmt.Fprintf(w, "%s, %d accepted so far\n", target, s.Accepted)
	return err
}

// callControl makes one request of a generator on this machine.
func callControl(ctx context.Context, method, address, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the generator at %s: %w", address, err)
	}
	r.Header.Set(controlHeader, "1")
	// A proxy would not find this machine.
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask the generator at %s: %w: is one running?", address, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("ask the generator at %s: %w", address, err)
	}
	if answer.StatusCode >= 300 {
		return nil, fmt.Errorf("ask the generator at %s: %s: %s", address, answer.Status, bytes.TrimSpace(text))
	}
	return text, nil
}
