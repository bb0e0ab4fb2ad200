package admin

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Status is the answer to GET /v1/status.
type Status struct {
	// AuthRevision is the revision of the users and access rules in force; "": none, or plain files.
	AuthRevision string `json:"authRevision"`
	// Version is the broker's.
	Version string `json:"version"`
	// Instance is another one each time that the broker has started, also within the same process.
	Instance string `json:"instance"`
	// NotReady says why the broker does not serve; "": it does.
	NotReady string `json:"notReady,omitempty"`
}

// api is the admin API. Who calls was settled by the TLS handshake.
type api struct {
	Deps
	instance string
	patience time.Duration // with a stream that stands still
	transfer sync.Mutex    // held by the one backup or restore that is under way
}

func newAPI(d Deps, patience time.Duration) *api {
	return &api{Deps: d, instance: rand.Text(), patience: patience}
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", a.status)
	mux.HandleFunc("GET /v1/backup", a.one(a.backup))
	mux.HandleFunc("POST /v1/restore", a.one(a.restore))
	if a.Metrics != nil {
		mux.Handle("GET /metrics", a.Metrics)
	}
	return mux
}

func (a *api) status(w http.ResponseWriter, _ *http.Request) {
	s := Status{AuthRevision: a.AuthRevision(), Version: a.Version, Instance: a.instance}
	if err := a.Ready(); err != nil {
		s.NotReady = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s) // the caller is gone if it fails
}
