package streaming

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

const (
	// maxWire is the service's limit of a request with rows, as it is sent; maxBody is what it may unpack to.
	maxWire = 4 << 20
	maxBody = 64 << 20
	// maxDocument bounds the other requests.
	maxDocument = 1 << 20
	// maxName bounds the names of channels.
	maxName = 256

	path = "/v2/streaming/databases/{db}/schemas/{schema}/pipes/{pipe}"
	data = "/v2/streaming/data/databases/{db}/schemas/{schema}/"
)

// Paths are the roots of the requests that the server answers.
func Paths() []string {
	return []string{"/v2/streaming/", "/oauth/token", "/telemetry/send/sessionless"}
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /v2/streaming/hostname", s.authorized(s.handleHost))
	s.mux.HandleFunc("POST /oauth/token", s.handleToken)
	s.mux.HandleFunc("POST /telemetry/send/sessionless", s.handleTelemetry)
	s.mux.HandleFunc("POST "+path, s.authorized(s.handlePipe))
	s.mux.HandleFunc("PUT "+path+"/channels/{channel}", s.authorized(s.handleOpen))
	s.mux.HandleFunc("DELETE "+path+"/channels/{channel}", s.authorized(s.handleDrop))
	s.mux.HandleFunc("POST "+data+"pipes/{pipe}/channels/{channel}/rows", s.authorized(s.appending(s.handleAppend)))
	s.mux.HandleFunc("POST "+data+"tables/{table}/rows", s.authorized(s.appending(s.handleTableRows)))
	s.mux.HandleFunc("/v2/streaming/", func(w http.ResponseWriter, r *http.Request) {
		answerError(w, refuse(http.StatusNotFound, codeBadRequest, "There is no such call here: %s of this path.", r.Method))
	})
}

// answer sends a JSON document.
func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // a client that has gone needs no answer
}

// answerError sends a refusal. Anything else is trouble of the server, which a client tries again.
func answerError(w http.ResponseWriter, err error) {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{http.StatusServiceUnavailable, codeRetry, "The warehouse could not do it now: try again.", 0}
	}
	if r.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.after))
	}
	answer(w, r.status, map[string]string{"code": r.code, "message": r.message})
}

// handleHost tells the host for rows: this one. The answer is bare text; clients put the port of the account behind it.
func (s *Server) handleHost(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, strings.ReplaceAll(host, "_", "-"))
}

// handleTelemetry takes what the SDKs tell about themselves, and keeps none of it.
func (s *Server) handleTelemetry(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxDocument))
	answer(w, http.StatusOK, map[string]any{"success": true, "data": "Log Received"})
}

// pipe is the pipe of a request. Names are capitals unless quoted, as in SQL; one that exists only as it is spelled is found, too.
func (s *Server) pipe(r *http.Request, name string) (*Pipe, error) {
	full := dialect.Name{Database: fold(r.PathValue("db")), Schema: fold(r.PathValue("schema")), Object: fold(name)}
	p, err := s.cfg.Account.Pipe(full)
	if full.Object != name && errors.Is(err, ErrNoPipe) {
		full.Object = name
		p, err = s.cfg.Account.Pipe(full)
	}
	if errors.Is(err, ErrNoPipe) {
		err = refuse(http.StatusNotFound, codeNoPipe, "The pipe does not exist, nor a table that it would be the default pipe of.")
	}
	return p, err
}

// fold is an identifier as SQL reads it.
func fold(name string) string {
	if len(name) >= 2 && name[0] == '"' && name[len(name)-1] == '"' {
		return strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
	}
	return strings.ToUpper(name)
}

// channelName is the channel of a request.
func channelName(r *http.Request) (string, error) {
	name := r.PathValue("channel")
	if len(name) > maxName {
		return "", refuse(http.StatusBadRequest, codeBadRequest, "The name of a channel has up to %d bytes.", maxName)
	}
	return name, nil
}

// handlePipe answers the calls whose last part is a pipe with a verb.
func (s *Server) handlePipe(w http.ResponseWriter, r *http.Request) {
	verbs := map[string]func(http.ResponseWriter, *http.Request, *Pipe) error{":pipe-info": s.pipeInfo, ":bulk-channel-status": s.status}
	for verb, do := range verbs {
		name, ok := strings.CutSuffix(r.PathValue("pipe"), verb)
		if !ok {
			continue
		}
		p, err := s.pipe(r, name)
		if err == nil {
			err = do(w, r, p)
		}
		if err != nil {
			answerError(w, err)
		}
		return
	}
	answerError(w, refuse(http.StatusNotFound, codeBadRequest, "A pipe has :pipe-info and :bulk-channel-status here."))
}

// document reads a small JSON body; an empty one leaves to as it is.
func document(w http.ResponseWriter, r *http.Request, to any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDocument))
	if err == nil && len(strings.TrimSpace(string(body))) > 0 {
		err = json.Unmarshal(body, to)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, codeBadRequest, "The body is no JSON document of this call.")
	}
	return nil
}

// channelStatus is a channel as the SDKs read it.
type channelStatus struct {
	Database       string  `json:"database_name"`
	Schema         string  `json:"schema_name"`
	Pipe           string  `json:"pipe_name"`
	Channel        string  `json:"channel_name"`
	Code           string  `json:"channel_status_code"`
	Token          *string `json:"last_committed_offset_token"`
	Created        int64   `json:"created_on_ms"`
	Inserted       int64   `json:"rows_inserted"`
	Parsed         int64   `json:"rows_parsed"`
	Errors         int64   `json:"rows_error_count"`
	ErrorToken     *string `json:"last_error_offset_upper_bound"`
	ErrorMessage   *string `json:"last_error_message"`
	ErrorTimestamp *int64  `json:"last_error_timestamp_ms"`
	Latency        int64   `json:"snowflake_avg_processing_latency_ms"`
}

func (st *state) status() channelStatus {
	out := channelStatus{
		st.Pipe.Database, st.Pipe.Schema, st.Pipe.Object, st.Name, st.Code, st.Token, st.Created.UnixMilli(), st.Inserted, st.Parsed, st.Errors,
		st.ErrorToken, st.ErrorMessage, nil, st.Latency,
	}
	if st.ErrorTime != nil {
		ms := st.ErrorTime.UnixMilli()
		out.ErrorTimestamp = &ms
	}
	return out
}

func (s *Server) handleOpen(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Offset *string `json:"offset_token"`
		Keep   bool    `json:"fail_on_uncommitted_rows"`
	}
	name, err := channelName(r)
	if err == nil && strings.EqualFold(name, elastic) {
		err = refuse(http.StatusBadRequest, codeBadRequest, "The channel %s is there for every pipe and is not opened.", elastic)
	}
	if err == nil {
		err = document(w, r, &body)
	}
	var p *Pipe
	if err == nil {
		p, err = s.pipe(r, r.PathValue("pipe"))
	}
	var c channel
	if err == nil {
		c, err = s.open(r.Context(), p, name, opening{body.Offset, body.Keep})
	}
	if err != nil {
		answerError(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"next_continuation_token": c.token().String(), "channel_status": c.status()})
}

func (s *Server) handleDrop(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Keep bool `json:"fail_on_uncommitted_rows"`
	}
	err := document(w, r, &body)
	var p *Pipe
	if err == nil {
		p, err = s.pipe(r, r.PathValue("pipe"))
	}
	if err == nil {
		err = s.drop(r.Context(), p, r.PathValue("channel"), body.Keep)
	}
	if err != nil {
		answerError(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{})
}

// status answers for the channels whose names are asked for, spelled as they were opened; one that is not there is left out.
func (s *Server) status(w http.ResponseWriter, r *http.Request, p *Pipe) error {
	var body struct {
		Names []string `json:"channel_names"`
	}
	if err := document(w, r, &body); err != nil {
		return err
	}
	out := map[string]channelStatus{}
	s.mu.Lock()
	for _, name := range body.Names {
		if c := s.channels[keyOf(p, name)]; c != nil && c.Name == name {
			out[name] = c.status()
		} else if name == elastic {
			st := state{Pipe: p.Name, Name: elastic, Code: codeSuccess}
			out[name] = st.status()
		}
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"channel_statuses": out})
	return nil
}

// sessionHeader is the affinity that the service hands out with an append, and gets back with the next one.
const sessionHeader = "X-Snowflake-Session"

func (s *Server) handleAppend(w http.ResponseWriter, r *http.Request) {
	p, err := s.pipe(r, r.PathValue("pipe"))
	if err != nil {
		answerError(w, err)
		return
	}
	if strings.EqualFold(r.PathValue("channel"), elastic) {
		s.answerElastic(w, r, p)
		return
	}
	query := r.URL.Query()
	t, err := parseToken(query.Get("continuationToken"))
	var b batch
	if err == nil {
		b, err = readBatch(w, r)
	}
	if err == nil {
		// One token is how the older clients have it. Empty means that there is none.
		for _, name := range []string{"endOffsetToken", "offsetToken"} {
			if text := query.Get(name); text != "" && b.end == nil {
				b.end = &text
			}
		}
		t, err = s.append(p, r.PathValue("channel"), t, b)
	}
	if err != nil {
		answerError(w, err)
		return
	}
	w.Header().Set(sessionHeader, "MTI3LjAuMC4xOjA=")
	answer(w, http.StatusOK, map[string]string{"next_continuation_token": t.String()})
}

// readBatch reads the rows of a request, unpacked.
func readBatch(w http.ResponseWriter, r *http.Request) (batch, error) {
	in := io.Reader(http.MaxBytesReader(w, r.Body, maxWire))
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return batch{}, badBody(err)
		}
		in = unpacked
	case "zstd":
		unpacked, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody))
		if err != nil {
			return batch{}, badBody(err)
		}
		defer unpacked.Close()
		in = unpacked
	default:
		return batch{}, refuse(http.StatusUnsupportedMediaType, codeBadRequest, "Rows may be packed with gzip or zstd.")
	}
	body, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	switch {
	case err != nil:
		return batch{}, badBody(err)
	case len(body) > maxBody:
		return batch{}, refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "Rows of one request unpack to %d MiB at most here.", maxBody>>20)
	}
	return batch{body: body, arrived: time.Now()}, nil
}

func badBody(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "A request with rows has %d MiB at most as it is sent.", maxWire>>20)
	}
	return refuse(http.StatusBadRequest, codeBadRequest, "The rows cannot be unpacked.")
}
