package wire

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/session"
	"github.com/snowstream/snowstream/local/warehouse/statement"
)

const (
	// answerWait is how long a request waits for its statement before it is told to poll, as the service does.
	answerWait = 45 * time.Second
	// answersKept, answerBytes and answerAge bound the remembered answers.
	answersKept = 10000
	answerBytes = 128 << 20
	answerAge   = 24 * time.Hour
	// spoolBytes bounds the chunks of all remembered answers on disk.
	spoolBytes = 8 << 30
	chunkPath  = "/results/"
	// codeRunning and codeAsync both mean that a statement still runs. Where the driver polls in asynchronous mode it
	// takes anything but the second for the answer.
	codeRunning, codeAsync = "333333", "333334"
)

// query is a statement that runs or has run. Its answer is kept, so that a repeated request gets the same answer
// instead of a second execution, and so that results can be fetched by id.
type query struct {
	id, key string
	session *session.Session
	text    string
	start   time.Time
	cancel  context.CancelFunc
	done    chan struct{} // closed when the fields below are set

	end    time.Time
	answer []byte
	failed *fault.Error
	kind   int64
	rows   int64
	result *answer.Result
}

// queries remembers statements by id and by request id, the oldest finished ones going first.
type queries struct {
	dir string

	mu        sync.Mutex
	byID      map[string]*query
	byRequest map[string]*query
	order     []*query // in order of arrival
	bytes     int
	spooled   int64
}

func newQueries(dir string) *queries {
	return &queries{dir: dir, byID: map[string]*query{}, byRequest: map[string]*query{}}
}

// start registers a statement, or finds the one that the same session sent under the same request id before.
func (all *queries) start(s *session.Session, requestID, text string, cancel context.CancelFunc) (q *query, known bool) {
	key := ""
	if requestID != "" {
		key = strconv.FormatInt(s.ID, 10) + "/" + requestID
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if q = all.byRequest[key]; q != nil && key != "" {
		return q, true
	}
	q = &query{id: newQueryID(), key: key, session: s, text: text, start: time.Now(), cancel: cancel, done: make(chan struct{})}
	all.byID[q.id] = q
	if key != "" {
		all.byRequest[key] = q
	}
	all.order = append(all.order, q)
	return q, false
}

// newQueryID is a UUID in the service's form: the first part grows with time.
func newQueryID() string { return uuid.Must(uuid.NewV7()).String() }

func (all *queries) finish(q *query) {
	all.mu.Lock()
	q.end = time.Now()
	all.bytes += q.held()
	all.spooled += q.result.Spooled()
	close(q.done)
	all.mu.Unlock()
	q.cancel()
	all.evict(time.Now())
}

// held is about how much memory a finished query takes.
func (q *query) held() int { return len(q.answer) + len(q.text) + q.result.Held() }

// earlier is an answer that a user's statement has had, and last the id of a session's statement before q.
func (all *queries) earlier(user *catalog.User, id string) (*answer.Result, error) {
	q := all.find(id)
	gone := fault.New(612, "02000", "Result for query %s has expired", id)
	if q == nil || q.session.User != user {
		return nil, gone
	}
	select {
	case <-q.done:
	default:
		return nil, fault.New(711, "02000", "Statement %s has not finished.", id)
	}
	if q.failed != nil || q.result.Transfer != nil {
		return nil, gone
	}
	return q.result, nil
}

func (all *queries) last(q *query) string {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, other := range slices.Backward(all.order) {
		if other.session == q.session && other != q {
			return other.id
		}
	}
	return ""
}

// evict forgets the oldest finished answers while there are too many.
func (all *queries) evict(now time.Time) {
	all.mu.Lock()
	defer all.mu.Unlock()
	kept := all.order[:0]
	excess := len(all.order) - answersKept
	for _, q := range all.order {
		finished := !q.end.IsZero()
		if !finished || (excess <= 0 && all.bytes <= answerBytes && all.spooled <= spoolBytes && now.Sub(q.end) < answerAge) {
			kept = append(kept, q)
			continue
		}
		excess--
		all.bytes -= q.held()
		delete(all.byID, q.id)
		delete(all.byRequest, q.key)
		all.spooled -= q.result.Spooled()
		q.result.Discard(all.dir)
	}
	clear(all.order[len(kept):])
	all.order = kept
}

func (all *queries) find(id string) *query {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.byID[id]
}

// abort cancels the statement of a request, or all of a session when requestID is empty.
func (all *queries) abort(s *session.Session, requestID string) {
	key := strconv.FormatInt(s.ID, 10) + "/" + requestID
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, q := range all.order {
		if q.session == s && (requestID == "" || q.key == key) {
			q.cancel()
		}
	}
}

func (s *Front) handleQuery(w http.ResponseWriter, r *http.Request) {
	session, refused := s.Sessions.Find(bearer(r))
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	var body queryRequest
	if err := readBody(r, &body); err != nil {
		http.Error(w, "query-request: the body is not JSON or too large", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithCancel(s.Ctx)
	q, known := s.queries.start(session, r.URL.Query().Get("requestId"), body.SQLText, cancel)
	if known {
		cancel()
	} else if !s.Start(func() { s.run(ctx, q, &body, r.Host) }) {
		q.failed = fault.New(390120, "08001", "The warehouse is shutting down: try again.")
		q.answer = encode(failed(q.failed, q.id))
		s.queries.finish(q)
	}
	if body.AsyncExec {
		s.inProgress(w, q, codeAsync)
		return
	}
	s.answer(w, r, q, s.AnswerWait, codeRunning)
}

// answer waits for q and sends its answer. When that takes longer than wait, it tells the client with code where to ask again.
func (s *Front) answer(w http.ResponseWriter, r *http.Request, q *query, wait time.Duration, code string) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-q.done:
		writeBytes(w, q.answer)
	case <-timer.C:
		s.inProgress(w, q, code)
	case <-r.Context().Done():
	}
}

func (s *Front) inProgress(w http.ResponseWriter, q *query, code string) {
	text := "Query execution in progress. Please use the getResultUrl to get the result."
	data := map[string]any{"queryId": q.id, "getResultUrl": "/queries/" + q.id + "/result", "queryAbortsAfterSecs": 300, "progressDesc": nil}
	writeJSON(w, envelope{Data: data, Code: &code, Message: &text, Success: true})
}

// owned finds the session of a request and one of its user's queries.
func (s *Front) owned(r *http.Request) (*query, *fault.Error) {
	session, refused := s.Sessions.Find(bearer(r))
	if refused != nil {
		return nil, refused
	}
	q := s.queries.find(r.PathValue("id"))
	if q == nil || q.session.User != session.User {
		return nil, fault.New(612, "02000", "Result for query %s has expired", r.PathValue("id"))
	}
	return q, nil
}

func (s *Front) handleResult(w http.ResponseWriter, r *http.Request) {
	q, refused := s.owned(r)
	if refused != nil {
		writeJSON(w, failed(refused, r.PathValue("id")))
		return
	}
	s.answer(w, r, q, s.AnswerWait, codeAsync)
}

func (s *Front) handleMonitoring(w http.ResponseWriter, r *http.Request) {
	q, refused := s.owned(r)
	if refused != nil {
		writeJSON(w, success(map[string]any{"queries": []any{}}))
		return
	}
	status := map[string]any{"id": q.id, "status": "RUNNING", "state": "RUNNING", "sqlText": q.text, "startTime": q.start.UnixMilli(),
		"endTime": 0, "errorCode": "", "errorMessage": "", "stats": map[string]any{"scanBytes": 0, "producedRows": 0}}
	select {
	case <-q.done:
		status["status"], status["endTime"] = "SUCCESS", q.end.UnixMilli()
		status["stats"] = map[string]any{"scanBytes": 0, "producedRows": q.rows}
		if q.failed != nil {
			status["status"], status["errorMessage"] = "FAILED_WITH_ERROR", q.failed.Message
			status["errorCode"] = fmt.Sprintf("%06d", q.failed.Number)
		}
	default:
	}
	writeJSON(w, success(map[string]any{"queries": []any{status}}))
}

func (s *Front) handleAbort(w http.ResponseWriter, r *http.Request) {
	session, refused := s.Sessions.Find(bearer(r))
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	var body struct {
		RequestID string `json:"requestId"`
	}
	if err := readBody(r, &body); err != nil || body.RequestID == "" {
		http.Error(w, "abort-request: requestId is missing", http.StatusBadRequest)
		return
	}
	s.queries.abort(session, body.RequestID)
	writeJSON(w, success(nil))
}

// run executes the statements of one request and stores the answer.
func (s *Front) run(ctx context.Context, q *query, body *queryRequest, host string) {
	defer s.queries.finish(q)
	ctx, cancel := limit(ctx, q.session)
	defer cancel()
	began := time.Now()
	res, err := s.runText(ctx, q, body, host)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		q.failed = fault.Translate(err)
		q.answer = encode(failed(q.failed, q.id))
		s.Log.Debug("statement failed", "query", q.id, "session", q.session.ID, "number", q.failed.Number)
		return
	}
	q.result, q.kind, q.rows = res, res.Kind, res.Total
	q.answer = s.encodeResult(q, res, host)
	s.Log.Debug("statement done", "query", q.id, "session", q.session.ID, "rows", res.Total, "took", time.Since(began))
}

// limit applies STATEMENT_TIMEOUT_IN_SECONDS.
func limit(ctx context.Context, s *session.Session) (context.Context, context.CancelFunc) {
	seconds, err := strconv.Atoi(s.Setting("STATEMENT_TIMEOUT_IN_SECONDS"))
	if err != nil || seconds <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
}

func (s *Front) runText(ctx context.Context, q *query, body *queryRequest, host string) (*answer.Result, error) {
	if body.BindStage != "" {
		return nil, fault.Unsupported("binds uploaded to a stage: send them inline")
	}
	texts, err := dialect.Split(body.SQLText)
	if err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, fault.New(900, "42601", "SQL compilation error:\nEmpty SQL statement.")
	}
	wanted := wantedStatements(q.session, body.Parameters)
	if wanted != 0 && wanted != len(texts) {
		return nil, fault.New(8, "0A000", "Actual statement count %d did not match the desired statement count %d.", len(texts), wanted)
	}
	bound, err := engine.ReadBinds(body.Bindings)
	if err != nil {
		return nil, err
	}
	if len(texts) == 1 {
		res, _, err := s.Runner.Run(ctx, statement.Request{Session: q.session, Text: texts[0], Binds: bound, QueryID: q.id, Earlier: s.earlierThan(q), DescribeOnly: body.DescribeOnly, Internal: body.IsInternal})
		return res, err
	}
	return s.runMany(ctx, q, texts, bound, host)
}

// wantedStatements is MULTI_STATEMENT_COUNT of the request or the session; 1 when neither says anything, 0 for any.
func wantedStatements(s *session.Session, parameters map[string]any) int {
	text := s.Setting("MULTI_STATEMENT_COUNT")
	if value, ok := parameters["MULTI_STATEMENT_COUNT"]; ok {
		text = fmt.Sprint(value)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 1
	}
	return n
}

// runMany runs statements in turn; each has a query of its own. The first failure ends it and is the answer.
func (s *Front) runMany(ctx context.Context, q *query, texts []string, bound *engine.Binds, host string) (*answer.Result, error) {
	var ids, kinds []string
	before := 0
	for _, text := range texts {
		child, _ := s.queries.start(q.session, "", text, func() {})
		res, used, err := s.Runner.Run(ctx, statement.Request{Session: q.session, Text: text, Binds: bound, BindsBefore: before, QueryID: child.id, Earlier: s.earlierThan(child)})
		before += used
		if err != nil {
			child.failed = fault.Translate(err)
			child.answer = encode(failed(child.failed, child.id))
			s.queries.finish(child)
			return nil, err
		}
		child.result, child.kind, child.rows = res, res.Kind, res.Total
		child.answer = s.encodeResult(child, res, host)
		s.queries.finish(child)
		ids, kinds = append(ids, child.id), append(kinds, strconv.FormatInt(res.Kind, 10))
	}
	res := answer.Message(answer.TypeMulti, "Multiple statements executed successfully.")
	res.Columns[0].Name = "multiple statement execution"
	res.Ids, res.Kinds = strings.Join(ids, ","), strings.Join(kinds, ",")
	return res, nil
}

// earlierThan finds answers to the statements before q.
func (s *Front) earlierThan(q *query) statement.Earlier {
	return statement.Earlier{
		Last:   func() string { return s.queries.last(q) },
		Answer: func(id string) (*answer.Result, error) { return s.queries.earlier(q.session.User, id) },
	}
}

func encode(body any) []byte {
	encoded, err := json.Marshal(body)
	if err != nil {
		return []byte(`{"success":false,"code":"370001","message":"Internal error: the answer cannot be encoded"}`)
	}
	return encoded
}

func (s *Front) encodeResult(q *query, res *answer.Result, host string) []byte {
	info, parameters := q.session.State()
	data := queryData{
		Parameters: parameters, RowType: res.Columns, Total: res.Total, Returned: res.Total, QueryID: q.id,
		FinalDatabaseName: info.DatabaseName, FinalSchemaName: info.SchemaName, FinalWarehouseName: info.WarehouseName, FinalRoleName: info.RoleName,
		NumberOfBinds: res.Binds, StatementTypeID: res.Kind, Version: 1, ResultIDs: res.Ids, ResultTypes: res.Kinds, QueryResultFormat: "json", transferData: encodeTransfer(res.Transfer, host),
	}
	if res.Inline != nil {
		text := base64.StdEncoding.EncodeToString(res.Inline)
		data.RowSetBase64, data.QueryResultFormat = &text, "arrow"
	} else if res.Transfer == nil {
		rows := append([][]*string{}, res.Rows...)
		data.RowSet = &rows
	}
	data.ArrayBindSupported = answer.TypeInsert <= res.Kind && res.Kind <= answer.TypeMerge
	for _, c := range res.Chunks {
		data.Chunks = append(data.Chunks, chunk{URL: "http://" + host + chunkPath + c.Name, RowCount: c.Rows, UncompressedSize: c.Plain, CompressedSize: c.Packed})
	}
	if data.Chunks != nil {
		data.ChunkHeaders = map[string]string{"Accept-Encoding": "gzip"}
	}
	return encode(success(data))
}
