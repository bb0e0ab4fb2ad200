package adminapi

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// TestProxySilence: a way that takes a call and says nothing, before or after the handshake, is given up, so that who asked can
// find another one.
func TestProxySilence(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connections wait in its backlog
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	over := make(chan struct{})
	mute := serve(t, func(http.ResponseWriter, *http.Request) { <-over })
	t.Cleanup(func() { close(over) })
	for name, c := range map[string]*Client{"no handshake": NewClient(silent.Addr().String(), nil, nil, nil), "no answer": mute} {
		c.Answer = 50 * time.Millisecond
		var failed error
		h, err := c.Proxy(func(err error) { failed = err })
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/overview", nil))
		var said api.Error
		var timeout net.Error
		if err := json.Unmarshal(w.Body.Bytes(), &said); w.Code != http.StatusBadGateway || err != nil || said.Error == "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if !errors.As(failed, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: failed is told %v", name, failed)
		}
	}
}
