package admin

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// endpoints are the admin API. Who calls was settled by the TLS handshake.
type endpoints struct {
	Deps
	instance string
	patience time.Duration // with a stream that stands still
	transfer sync.Mutex    // held by the one backup or restore that is under way
}

func newEndpoints(d Deps, patience time.Duration) *endpoints {
	return &endpoints{Deps: d, instance: rand.Text(), patience: patience}
}

func (a *endpoints) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", a.status)
	mux.HandleFunc("GET /v1/backup", a.one(a.backup))
	mux.HandleFunc("POST /v1/restore", a.one(a.restore))
	if a.Metrics != nil {
		mux.Handle("GET /metrics", a.Metrics)
	}
	return mux
}

func (a *endpoints) status(w http.ResponseWriter, _ *http.Request) {
	s := api.Status{AuthRevision: a.AuthRevision(), Version: a.Version, Instance: a.instance}
	if err := a.Ready(); err != nil {
		s.NotReady = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s) // the caller is gone if it fails
}
