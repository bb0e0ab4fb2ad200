package server

import (
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// shutdownGrace is how long clients have to take their last packets.
const shutdownGrace = 5 * time.Second

var errRevoked = &packet.Error{Reason: packet.NotAuthorized, Clause: "MQTT 5 §4.13.1", Detail: "the user's access has been revoked"}

// resumeLoaded resumes what was recovered, once, if there are users and access rules to hold it to.
func (s *Server) resumeLoaded() {
	if s.auth.Loaded() {
		s.resumed.Do(s.resume)
	}
}

// policyChanged ends the connections of users that are no longer let in, and holds the others to what
// they may publish now. Subscriptions need no visit: their verdicts are of a policy's generation, and
// are asked for again at the next message.
func (s *Server) policyChanged(p *auth.Policy) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.resumeLoaded()
	for part := range s.clients.shards {
		for _, cl := range s.clients.all(part) {
			c := cl.live.Load() // mu is held while a session is stored, and who is revoked does not wait for another's disk
			switch id := cl.identity.Load(); {
			case c == nil: // one that is just being let in looks itself
			case p.Valid(id):
				c.hold(id)
			default:
				c.kick(errRevoked)
			}
		}
	}
}

// shutdown tells every client and waits for the connections to end.
func (s *Server) shutdown() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.shares.close()
	for _, c := range s.connections() {
		c.kick(s.farewell())
	}
	force := time.AfterFunc(shutdownGrace, func() {
		for _, c := range s.connections() {
			c.lost()
		}
	})
	s.running.Wait()
	force.Stop()
}

// stopTimers stops what would go on after the server: what expires, and wills that are due.
func (s *Server) stopTimers() {
	s.expiry.stop()
	s.deadlines.stop()
	s.arrivals.stop()
	s.alive.stop()
	s.pauses.stop()
	s.proofs.stop()
	s.leases.stop()
	s.late.stop()
}
