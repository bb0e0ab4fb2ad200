package server

import (
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/audit"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/limit"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// What rules deny while they are not enforced (authorization.enforcement Audit) happens, and is told: to metrics each time, to
// everybody else once for a connection and a topic it publishes to, or once for a subscription, until something changes, so that
// trying rules costs live traffic next to nothing.

// notEnforced is added to why something is denied that happens all the same.
const notEnforced = "; it happens all the same, because enforcement is Audit"

// auditLinesPerSecond bounds what the log is told of; metrics and the lists of the admin API know of all.
const auditLinesPerSecond = 10

// auditLines says whether the log may have another line.
type auditLines struct {
	mu     sync.Mutex
	begun  bool
	bucket limit.Bucket
}

func (l *auditLines) take(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.begun {
		l.begun, l.bucket = true, limit.NewBucket(auditLinesPerSecond, now)
	}
	l.bucket.Fill(now)
	if !l.bucket.Has() {
		return false
	}
	l.bucket.Spend(1)
	return true
}

// receive is what a denial of messages for a subscription is called in lists.
const receive = "Receive"

// tellAudited counts and tells what the rules would have denied a client, who may have no connection. name is as the client gave
// it, and topics what rules are asked of it. The caller may hold the client's lock.
func (s *Server) tellAudited(cl *client, id *auth.Identity, what int, name, topics string) {
	s.measures.audited[what].Add(1)
	s.noteAudited(cl, id, what, name, topics)
}

func (s *Server) noteAudited(cl *client, id *auth.Identity, what int, name, topics string) {
	s.auditAway(audit.Audited, cl, id, denialNames[what], name)
	now := s.now()
	if s.audits.take(now) {
		s.log.Info("access rules would deny it", "action", denialNames[what], "client_id", cl.id, "username", id.Username(), "topic", name)
	}
	d := api.Denial{
		Time: now, Client: cl.id, User: id.Username(), Action: string(deniedActions[what]), Topic: name, Audited: true,
	}
	if what == deniedReceive {
		d.Action = receive
	}
	if c := cl.live.Load(); c != nil {
		d.Peer = c.nc.RemoteAddr().String()
	}
	s.denials.Add(d, func() string {
		why := s.auth.Policy().Explain(id, deniedActions[what], topics).Why
		return why + notEnforced
	})
}

// auditPublish is tellAudited of a PUBLISH by a route.
func (c *conn) auditPublish(r *route) {
	c.srv.measures.audited[deniedPublish].Add(1)
	if !r.told {
		r.told = true
		c.srv.noteAudited(c.client, c.identity, deniedPublish, r.topic, r.topic)
	}
}

// spared says whether sub's client gets messages of topic, which the rules deny it, all the same. verdict is what is remembered.
func (sub *subscription) spared(p *auth.Policy, id *auth.Identity, verdict uint64, topic string) bool {
	if !p.Lenient(id) {
		return false
	}
	if verdict&told == 0 && sub.verdict.CompareAndSwap(verdict, verdict|told) {
		sub.client.srv.tellAudited(sub.client, id, deniedReceive, topic, topic)
	}
	return true
}

// lets says whether something happens although the rules deny it.
func (s *Server) lets(p *auth.Policy, id *auth.Identity, action config.Action, name string, allowed bool) bool {
	return !allowed && p.Lenient(id) && (action != config.ActionPublish || !topic.IsSys(name))
}
