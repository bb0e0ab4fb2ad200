package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// client is one client identifier: its session and what the server knows beside it. It lives as
// long as the session does; attach and detach are its only transitions.
type client struct {
	id   string
	srv  *Server
	sess *session.Session
	// identity is who connected last: deliveries to an absent client are checked against it.
	identity atomic.Pointer[auth.Identity]
	epoch    uint64 // tells this session from earlier ones of the same identifier
	quota    quota
	live     atomic.Pointer[conn] // its connection; it changes with mu held. nil: there is none

	mu       sync.Mutex // guards what follows, but for logged and part
	left     int64      // when the last connection ended, in Unix milliseconds; 0: connected
	subs     subscriptions
	will     *will         // waits for its delay; nil: none
	feeds    *feedQueue    // retained messages that the last connection had not been sent yet; nil: none
	logged   atomic.Bool   // it is in the partition's log, and its QoS 1 and 2 messages go there first
	sharing  atomic.Bool   // it has, or had, a shared subscription
	expiry   uint32        // seconds that the session outlives its connection
	deadline int32         // its place in deadlines, from 1 on, guarded by those; 0: none
	unsaid   int32         // its place in the logPart's unsaid, from 1 on, guarded by its lock; 0: none
	part     uint8         // of the partition log
	used     bool          // a connection has been attached: there is a session to resume
	ended    bool          // no longer in the registry, or about to go
	over     chan struct{} // closed when it has gone; nil: it goes at once
}

// registry is every session by client identifier.
type registry struct {
	shards [store.Partitions]struct {
		mu sync.Mutex
		m  map[string]*client
	}
}

func (r *registry) init() {
	for i := range r.shards {
		r.shards[i].m = make(map[string]*client)
	}
}

// get returns the client with an identifier, made if there is none.
func (r *registry) get(s *Server, id string) *client {
	part := store.PartitionOf(id)
	shard := &r.shards[part]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	cl := shard.m[id]
	if cl == nil {
		cl = &client{id: id, srv: s, part: uint8(part), sess: session.New(id, &s.limits), epoch: uint64(s.now().UnixNano())}
		shard.m[id] = cl
	}
	return cl
}

// find returns the client with an identifier; nil: there is none.
func (r *registry) find(part int, id string) *client {
	shard := &r.shards[part]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return shard.m[id]
}

func (r *registry) remove(cl *client) {
	shard := &r.shards[cl.part]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.m[cl.id] == cl {
		delete(shard.m, cl.id)
	}
}

// count is how many sessions there are.
func (r *registry) count() (n int64) {
	for i := range r.shards {
		r.shards[i].mu.Lock()
		n += int64(len(r.shards[i].m))
		r.shards[i].mu.Unlock()
	}
	return n
}

// all is a snapshot of a partition's clients.
func (r *registry) all(part int) []*client {
	shard := &r.shards[part]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	clients := make([]*client, 0, len(shard.m))
	for _, cl := range shard.m {
		clients = append(clients, cl)
	}
	return clients
}

// attach makes c the connection of its client identifier's session. An older connection is ended
// first (0x8E) and waited for; with clean start an older session is ended too. [MQTT-3.1.4-3] [MQTT-3.1.2-4] [MQTT-3.1.2-5]
func (s *Server) attach(c *conn, p *packet.Connect) error {
	for {
		cl := s.clients.get(s, p.ClientID)
		cl.mu.Lock()
		switch {
		case cl.ended:
			over := cl.over
			cl.mu.Unlock()
			if over == nil {
				continue // it has gone at once
			}
			if err := c.waitFor(nil, over); err != nil {
				return err
			}
		case cl.live.Load() != nil:
			old := cl.live.Load()
			ended := old.endedLocked()
			cl.mu.Unlock()
			old.kick(&packet.Error{Reason: packet.SessionTakenOver, Clause: "MQTT-3.1.4-3", Detail: "another connection has the same client identifier"})
			if err := c.waitFor(nil, ended); err != nil {
				return err
			}
		case cl.used && (p.CleanStart || !cl.belongsTo(c.identity)):
			stored := cl.endLocked()
			cl.mu.Unlock()
			if stored == nil {
				continue
			}
			if err := c.waitFor(stored, nil); err != nil { // CONNACK says that there is no session
				return err
			}
		default:
			err := cl.attachLocked(c, p)
			cl.mu.Unlock()
			return err
		}
	}
}

// endedLocked is closed when the session has been given up. The client's mu is held.
func (c *conn) endedLocked() <-chan struct{} {
	if c.ended == nil {
		c.ended = make(chan struct{})
	}
	return c.ended
}

// waitFor waits until a session, or its connection, has gone, as stored or over tells, but not for longer than for CONNECT: meanwhile nobody reads the
// connection. nil: it has gone.
func (c *conn) waitFor(stored <-chan error, over <-chan struct{}) error {
	late := time.NewTimer(c.srv.connectTimeout())
	defer late.Stop()
	for c.kicked.Load() == nil { // who kicks later signals
		select {
		case err := <-stored:
			if err != nil {
				return errNotStored
			}
			return nil
		case <-over:
			return nil
		case <-late.C:
			return errNotGone
		case <-c.out.drained:
		}
	}
	return errGone
}

var errNotGone = &packet.Error{Reason: packet.ServerUnavailable, Clause: "MQTT 5 §3.2.2.2", Detail: "the session before has not ended in time"}

var errNotStored = &packet.Error{Reason: packet.ServerUnavailable, Clause: "MQTT 5 §3.2.2.2", Detail: "the session cannot be stored"}

// belongsTo says whether the session is of id's user: no other gets what is in it, whatever client
// identifier it gives.
func (cl *client) belongsTo(id *auth.Identity) bool {
	owner := cl.identity.Load()
	return owner.Username() == id.Username() && owner.Anonymous() == id.Anonymous()
}

// attachLocked makes c the connection. CONNACK goes into the outbox with the attachment, so that
// nothing can be before it. [MQTT-3.2.0-1]
func (cl *client) attachLocked(c *conn, p *packet.Connect) error {
	expiry, identity := cl.expiry, cl.identity.Load()
	cl.expiry = c.peer.sessionExpiry
	cl.identity.Store(c.identity)
	if err := cl.srv.journal.attach(cl, c.will); err != nil {
		cl.expiry = expiry
		cl.identity.Store(identity)
		if !cl.used {
			cl.srv.journal.append(cl, partition.AppendEnd(nil, cl.id)) // it may be there nevertheless
			cl.endLocked()
		}
		return errNotStored
	}
	cl.srv.deadlines.put(cl, 0)
	cl.will = nil // the client is back before its will was due [MQTT-3.1.3-9]
	cl.srv.late.forget(cl.id)
	cl.left = 0
	cl.live.Store(c)
	c.client, c.sess = cl, cl.sess
	c.feeds.queue, cl.feeds = cl.feeds, nil
	connack := c.connack(p, cl.used)
	cl.sess.Attach(session.Attachment{
		Sink: c, Version: c.peer.version, Durable: cl.expiry > 0, Logged: cl.logged.Load(),
		ReceiveMaximum: p.Properties.ReceiveMaximum, MaxPacketSize: p.Properties.MaximumPacketSize,
		TopicAliasMaximum: uint16(min(int32(p.Properties.TopicAliasMaximum), *cl.srv.cfg.MQTT.TopicAliasMaximum)), // [MQTT-3.1.2-26]
	}, connack)
	cl.srv.countSent(connack)
	cl.used = true
	cl.srv.shares.present(cl, true)
	cl.srv.census.attached()
	cl.srv.measures.joined(c)
	return nil
}

// detach ends the connection's hold on the session: the will is sent or scheduled, and the session
// ends now or when it expires.
func (cl *client) detach(c *conn) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.sess.Detach(c)
	if cl.live.Load() != c {
		return
	}
	if c.ended != nil {
		close(c.ended)
	}
	cl.live.Store(nil)
	cl.srv.census.connected.Add(-1)
	cl.feeds = c.feeds.give()
	cl.expiry = c.peer.sessionExpiry
	w := c.will
	if c.peer.withoutWill {
		w = nil // [MQTT-3.1.2-10]
	}
	if cl.expiry == 0 {
		cl.will = w
		cl.endLocked()
		return
	}
	cl.left = cl.srv.now().UnixMilli()
	cl.identity.Store(cl.identity.Load().Away())
	cl.srv.journal.detach(cl, w)
	cl.srv.shares.present(cl, false)
	cl.leaveWill(w)
	cl.schedule()
}

// schedule sets when the client's will is due or its session expires, whichever is first. cl.mu is held.
func (cl *client) schedule() { cl.srv.deadlines.put(cl, cl.next()) }

// next is that time in Unix milliseconds; 0: never.
func (cl *client) next() int64 {
	at := int64(0)
	if cl.expiry != neverExpires {
		at = cl.left + int64(cl.expiry)*1000
	}
	if w := cl.will; w != nil {
		if due := cl.left + int64(w.delay)*1000; at == 0 || due < at {
			at = due
		}
	}
	return at
}

// neverExpires is the session expiry interval of a session without end. MQTT 5 §3.1.2.11.2.
const neverExpires = 0xFFFFFFFF

// slot implements dated.
func (cl *client) slot() *int32 { return &cl.deadline }

// due implements dated: it does what is due at now, unless the client has come back in the meantime. [MQTT-3.1.3-9]
func (cl *client) due(now int64) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.live.Load() != nil || cl.ended {
		return
	}
	if cl.expiry != neverExpires && cl.left+int64(cl.expiry)*1000 <= now {
		cl.srv.census.expired.Add(1)
		cl.endLocked()
		return
	}
	if w := cl.will; w != nil && cl.left+int64(w.delay)*1000 <= now {
		cl.will = nil
		cl.srv.publishWill(cl, w)
	}
	cl.schedule()
}

// endLocked ends the session: its subscriptions go, and a will that is still due is sent. What it
// returns, if not nil, tells when that is stored. [MQTT-3.1.3-9]
func (cl *client) endLocked() <-chan error {
	cl.ended = true
	cl.srv.deadlines.put(cl, 0)
	for _, sub := range cl.subs {
		cl.srv.delist(sub)
	}
	cl.subs = nil
	if w := cl.will; w != nil {
		cl.will = nil
		cl.srv.publishWill(cl, w)
	}
	if bequeathed := cl.srv.shares.bequeath(cl); bequeathed != nil {
		return bequeathed
	}
	stored, _ := cl.goLocked(whichever)
	return stored
}

// goLocked is the last of endLocked, or nothing, as journal.end says.
func (cl *client) goLocked(next uint64) (stored <-chan error, gone bool) {
	if stored, gone = cl.srv.journal.end(cl, next); !gone {
		return nil, false
	}
	if left := cl.sess.End(); len(left) > 0 {
		cl.srv.shares.add(&errand{hand: left})
	}
	cl.srv.clients.remove(cl)
	return stored, true
}
