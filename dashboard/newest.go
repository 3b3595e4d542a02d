package dashboard

import (
	"net/http"
)

// Newest are the last rows of a table. A cell is null where the table has NULL.
type Newest struct {
	Columns []string    `json:"columns"`
	Rows    [][]*string `json:"rows"`
}

// routeNewest has what is given out only when somebody asks for it: values of rows, and how to connect, which has a
// password in it. Neither is in a snapshot.
func (s *Server) routeNewest(mux *http.ServeMux) {
	if s.config.Newest != nil {
		mux.HandleFunc("GET /api/rows", s.handleRows)
	}
	if s.config.Connection != "" {
		mux.HandleFunc("GET /api/connection", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, map[string]string{"text": s.config.Connection})
		})
	}
}

func (s *Server) handleRows(w http.ResponseWriter, r *http.Request) {
	table := r.URL.Query().Get("table")
	if table != "streaming" && table != "microbatch" {
		fail(w, http.StatusBadRequest, "the table is streaming or microbatch")
		return
	}
	rows, err := s.config.Newest(r.Context(), table == "streaming")
	if err != nil {
		fail(w, http.StatusBadGateway, err.Error())
		return
	}
	rows.Columns, rows.Rows = notNil(rows.Columns), notNil(rows.Rows)
	writeJSON(w, http.StatusOK, rows)
}
