package wire

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	fastjson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/session"
)

// maxBody is the largest request in bytes, after decompression: an array bind of a large batch fits.
const maxBody = 256 << 20

// envelope is the frame of every answer. Code is digits, or null when all went well.
type envelope struct {
	Data    any     `json:"data"`
	Message *string `json:"message"`
	Code    *string `json:"code"`
	Success bool    `json:"success"`
}

// errorData is the data of a failed statement.
type errorData struct {
	QueryID   string `json:"queryId,omitempty"`
	SQLState  string `json:"sqlState,omitempty"`
	ErrorCode string `json:"errorCode,omitempty"`
}

// queryRequest is the body of a query-request.
type queryRequest struct {
	SQLText      string                    `json:"sqlText"`
	AsyncExec    bool                      `json:"asyncExec"`
	DescribeOnly bool                      `json:"describeOnly"`
	IsInternal   bool                      `json:"isInternal"`
	Parameters   map[string]any            `json:"parameters"`
	Bindings     map[string]engine.Binding `json:"bindings"`
	BindStage    string                    `json:"bindStage"`
}

// queryData is the data of a statement's answer.
type queryData struct {
	Parameters         []session.Parameter `json:"parameters"`
	RowType            []answer.Column     `json:"rowtype"`
	RowSet             *[][]*string        `json:"rowset,omitempty"`
	RowSetBase64       *string             `json:"rowsetBase64,omitempty"`
	Total              int64               `json:"total"`
	Returned           int64               `json:"returned"`
	QueryID            string              `json:"queryId"`
	SQLState           string              `json:"sqlState,omitempty"`
	DatabaseProvider   *string             `json:"databaseProvider"`
	FinalDatabaseName  string              `json:"finalDatabaseName,omitempty"`
	FinalSchemaName    string              `json:"finalSchemaName,omitempty"`
	FinalWarehouseName string              `json:"finalWarehouseName,omitempty"`
	FinalRoleName      string              `json:"finalRoleName,omitempty"`
	NumberOfBinds      int                 `json:"numberOfBinds"`
	ArrayBindSupported bool                `json:"arrayBindSupported"`
	StatementTypeID    int64               `json:"statementTypeId"`
	Version            int                 `json:"version"`
	Chunks             []chunk             `json:"chunks,omitempty"`
	ChunkHeaders       map[string]string   `json:"chunkHeaders,omitempty"`
	ResultIDs          string              `json:"resultIds,omitempty"`
	ResultTypes        string              `json:"resultTypes,omitempty"`
	QueryResultFormat  string              `json:"queryResultFormat"`
	*transferData
}

// chunk is a part of a large answer, fetched on its own.
type chunk struct {
	URL              string `json:"url"`
	RowCount         int    `json:"rowCount"`
	UncompressedSize int64  `json:"uncompressedSize"`
	CompressedSize   int64  `json:"compressedSize"`
}

// readBody decodes a JSON body, gzip or plain, of at most maxBody bytes.
func readBody(r *http.Request, into any) error {
	var body io.Reader = http.MaxBytesReader(nil, r.Body, maxBody)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return fmt.Errorf("read request body: %w", err)
		}
		body = io.LimitReader(unzipped, maxBody)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read request body: %w", err)
	}
	if len(text) == 0 {
		return nil
	}
	if err := fastjson.Unmarshal(text, into, lenient); err != nil {
		return fmt.Errorf("read request body: %w", err)
	}
	return nil
}

// lenient takes what encoding/json takes: the bodies of large batches are read here, and it takes four times as long.
var lenient = fastjson.JoinOptions(fastjson.DefaultOptionsV2(), fastjson.MatchCaseInsensitiveNames(true), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

func writeJSON(w http.ResponseWriter, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	writeBytes(w, encoded)
}

// writeBytes sends an encoded answer. A client that has gone away asks again with the same request id.
func writeBytes(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func success(data any) envelope { return envelope{Data: data, Success: true} }

// failed is the answer of a failed request: still HTTP 200, as the service does it.
func failed(f *fault.Error, queryID string) envelope {
	code := fmt.Sprintf("%06d", f.Number)
	message := f.Message
	return envelope{
		Data: errorData{QueryID: queryID, SQLState: f.SQLState, ErrorCode: code},
		Code: &code, Message: &message,
	}
}
