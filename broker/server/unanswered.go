package server

import (
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// unansweredFor is how long an MQTT 3.1.1 client goes without the acknowledgement of a PUBLISH that
// was refused, at least, before its connection is ended.
const unansweredFor = 10 * time.Second

// unanswered is the connections of clients before MQTT 5 that had a PUBLISH refused. Their version has
// no answer for that, and they send again only on a new connection: so they are told to make one, once
// the store can write.
type unanswered struct {
	srv *Server

	mu      sync.Mutex
	conns   map[*conn]struct{}
	timer   *time.Timer
	stopped bool
}

func (u *unanswered) add(c *conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stopped {
		return
	}
	if u.conns == nil {
		u.conns = make(map[*conn]struct{})
	}
	u.conns[c] = struct{}{}
	if u.timer == nil {
		u.timer = time.AfterFunc(unansweredFor, u.end)
	}
}

// remove forgets a connection that has ended.
func (u *unanswered) remove(c *conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.conns, c)
}

// end ends the connections, or tries again later.
func (u *unanswered) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.timer = nil
	switch {
	case u.stopped || len(u.conns) == 0:
		return
	case u.srv.store.Health() != nil:
		u.timer = time.AfterFunc(unansweredFor, u.end)
		return
	}
	for c := range u.conns {
		c.kick(&packet.Error{Reason: packet.QuotaExceeded, Clause: "MQTT 3.1.1 §4.4", Detail: "a PUBLISH was refused; it is to be sent again"})
	}
	clear(u.conns)
}

func (u *unanswered) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped = true
	if u.timer != nil {
		u.timer.Stop()
	}
}
