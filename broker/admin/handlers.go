package admin

import (
	"encoding/json"
	"io"
	"net/http"
)

// health is for the kubelet: alive, and ready to serve.
func health(d Deps) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := d.Ready(); err != nil {
			text(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		text(w, http.StatusOK, "ok")
	})
	return mux
}

func text(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, line+"\n") // the caller is gone if it fails
}

// Status is the answer to GET /v1/status.
type Status struct {
	// AuthRevision is the revision of the users and access rules in force; "": none, or plain files.
	AuthRevision string `json:"authRevision"`
	// Version is the broker's.
	Version string `json:"version"`
}

// api is for the operator. Who calls was settled by the TLS handshake.
func api(d Deps) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(Status{AuthRevision: d.AuthRevision(), Version: d.Version}) // as above
	})
	return mux
}
