package server

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/histogram"
	"github.com/dunlin-mqtt/dunlin/broker/metrics"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// sampleEvery is of how many batches with PUBLISHes one is timed.
const sampleEvery = 16

// measures is what is counted beside traffic: each at most once a batch, or where something is refused.
type measures struct {
	clients  map[string]*listenerClients // by listener; not changed once made
	failures [failures]atomic.Uint64
	denials  [denials]atomic.Uint64 // but for receiving, which only audited tells of
	audited  [denials]atomic.Uint64 // those that happened all the same

	handled histogram.Histogram // PUBLISHes whose acknowledgement waits for nothing, or that have none
	stored  histogram.Histogram // those that are acknowledged once they are on the disk
}

// listenerClients are the connections that came through one listener.
type listenerClients struct {
	versions   [len(versions)]struct{ open, total atomic.Int64 }
	handshakes atomic.Uint64 // that failed
}

// versions are those that a client can speak, by their names in metrics.
var versions = [...]struct {
	of   packet.Version
	name string
}{{packet.V31, "3.1"}, {packet.V311, "3.1.1"}, {packet.V5, "5.0"}}

// failure is why an authentication failed.
type failure int

const (
	failedCredentials failure = iota
	failedProof
	failedAnonymous
	failedMethod
	failedBusy
	failures
)

var failureNames = [failures]string{"bad_credentials", "not_proved", "anonymous", "method", "busy"}

// failureOf sorts the errors of package auth.
func failureOf(err error) failure {
	switch {
	case errors.Is(err, auth.ErrBadCredentials):
		return failedCredentials
	case errors.Is(err, auth.ErrNotProved):
		return failedProof
	case errors.Is(err, auth.ErrNotAllowed):
		return failedAnonymous
	case errors.Is(err, auth.ErrMethod):
		return failedMethod
	}
	return failedBusy
}

// What rules can deny.
const (
	deniedPublish = iota
	deniedSubscribe
	deniedWill
	deniedReceive
	denials
)

var denialNames = [denials]string{"publish", "subscribe", "will", "receive"}

func (m *measures) init(listeners []config.Listener) {
	m.clients = make(map[string]*listenerClients, len(listeners))
	for i := range listeners {
		m.clients[listeners[i].Name] = new(listenerClients)
	}
}

// joined and left count a connection that was let in.
func (m *measures) joined(c *conn) { m.count(c, 1) }
func (m *measures) left(c *conn)   { m.count(c, -1) }

func (m *measures) count(c *conn, n int64) {
	for i := range versions {
		if l := m.clients[c.listener.Name]; l != nil && versions[i].of == c.peer.version {
			l.versions[i].open.Add(n)
			l.versions[i].total.Add(max(0, n))
		}
	}
}

// unshaken counts a TLS handshake that failed.
func (m *measures) unshaken(c *conn) {
	if l := m.clients[c.listener.Name]; l != nil {
		l.handshakes.Add(1)
	}
}

// sample has the batch timed from now on, if it is its turn.
func (b *batch) sample(now time.Time) {
	if b.turn++; b.turn%sampleEvery == 0 {
		b.read = now
	}
}

// timed is how many PUBLISHes the batch has read whose time ends with the batch; 0, too, if it is not timed.
func (b *batch) timed() uint64 {
	if b.read.IsZero() {
		return 0
	}
	return b.received.Packets[packet.TypePublish] - b.awaiting
}

// measured adds what has been measured to m.
func (s *Server) measured(m *metrics.Snapshot) {
	m.AuthRevision, m.AuthUsers, m.AuthFailed = s.auth.Revision(), s.auth.Users(), s.auth.Failure() != ""
	m.AuthFailures = make(map[string]uint64, failures)
	for i, name := range failureNames {
		m.AuthFailures[name] = s.measures.failures[i].Load()
	}
	m.Denials, m.AuditedDenials = make(map[string]uint64, denials), make(map[string]uint64, denials)
	for i, name := range denialNames {
		if i != deniedReceive {
			m.Denials[name] = s.measures.denials[i].Load()
		}
		m.AuditedDenials[name] = s.measures.audited[i].Load()
	}
	m.Handshakes = make(map[string]uint64)
	for i := range s.cfg.Listeners {
		l := &s.cfg.Listeners[i]
		clients := s.measures.clients[l.Name]
		for k := range versions {
			m.Clients = append(m.Clients, metrics.Clients{
				Listener: l.Name, Version: versions[k].name,
				Open: clients.versions[k].open.Load(), Total: uint64(clients.versions[k].total.Load()),
			})
		}
		if l.TLS != nil {
			m.Handshakes[l.Name] = clients.handshakes.Load()
		}
	}
	m.PublishDurations = map[string]histogram.Snapshot{
		"memory": s.measures.handled.Snapshot(), "store": s.measures.stored.Snapshot(),
	}
	s.auditMetrics(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, ln := range s.listeners {
		for _, e := range ln.Ends() {
			m.Expiries = append(m.Expiries, metrics.Expiry{Listener: name, Kind: e.Kind, Path: e.Path, At: e.At})
		}
	}
}
