package server

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/limit"
	"github.com/dunlin-mqtt/dunlin/broker/listener"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/session"
)

// conn is one network connection. Its reader goroutine owns everything here but what says otherwise.
type conn struct {
	srv      *Server
	listener *config.Listener
	gate     gate
	nc       listener.Conn
	raw      syscall.RawConn // of the socket
	fd       int             // its descriptor, if watched
	watched  bool            // srv.poller tells when there is something to read; else the reader waits for it
	turn     atomic.Uint32   // reading, readingAgain or resting
	over     atomic.Bool     // the end of the stream is there to be read
	arrival  *arrival        // nil: it has come in, or been told why not
	layer    listener.Polled // nil: nothing is between MQTT and the socket
	hop      net.Addr        // the proxy; nil: there is none
	ticket   limit.Ticket    // belongs to the accepting goroutine first
	in       reader
	out      writer
	started  goroutines // guards itself

	client   *client // nil before CONNECT
	sess     *session.Session
	identity *auth.Identity
	proof    atomic.Pointer[proof] // nil: the client has no certificate
	lease    *lease                // nil: what the client is authenticated by does not end, or its certificate says when
	again    reauth
	peer     peer
	will     *will // guarded by client.mu

	batch   *batch // of the moment; nil between batches
	routes  routes
	acks    ackQueue
	unacked atomic.Int32 // inbound QoS 1 and 2 messages that are not fully acknowledged

	throttle atomic.Pointer[throttle] // nil: it may publish as fast as it can
	held     *throttle                // of the batch
	paused   atomic.Bool              // the reader does not read

	receivedMessages atomic.Uint64 // PUBLISHes; the reader alone writes
	receivedBytes    atomic.Uint64 // likewise

	alive    int32        // its place in Server.alive, guarded by those; 0: none
	lastRead atomic.Int64 // nanoseconds since the server was made
	since    int64        // when it was let in, in Unix milliseconds
	kicked   atomic.Pointer[packet.Error]
	ended    chan struct{} // closed when the session has been given up, if somebody waits for that; guarded by client.mu
	feeds    feeds
}

// peer is what the client said of itself in CONNECT.
type peer struct {
	version       packet.Version
	keepAlive     time.Duration // 1.5 times the granted one; 0: none
	problemInfo   bool          // it wants reason strings
	sessionExpiry uint32        // seconds, granted
	maxPacketSize uint32        // of packets to it, in bytes; 0: any
	authMethod    string        // of the enhanced authentication; "": none [MQTT-4.12.0-6]
	authData      []byte        // for CONNACK
	assigned      bool          // the client identifier is ours
	cleanStart    bool          // it wanted no former session
	gracefully    bool          // it sent DISCONNECT
	withoutWill   bool          // and it was a normal one
}

// newConn is a connection that has just been accepted. ctx is done when the server stops.
func newConn(ctx context.Context, s *Server, l *config.Listener, nc listener.Conn) *conn {
	c := &conn{srv: s, listener: l, nc: nc}
	c.arrival = &arrival{conn: c, ctx: ctx}
	c.layer, _ = nc.(listener.Polled)
	c.in.init(c)
	c.out.init(c)
	return c
}

// live handles batches until there is nothing to read or the connection ends.
func (c *conn) live() {
	if a := c.arrival; a != nil {
		c.arrival = nil
		if !a.comesIn() {
			return
		}
	}
	err := errGone
	if c.kicked.Load() == nil { // else its deadline may just have been taken back
		err = c.handleBatches()
	}
	if !errors.Is(err, errResting) {
		c.close(err)
	}
}

// close ends the connection, and returns when nothing of it is left.
func (c *conn) close(err error) {
	c.end(err)
	c.unwatch()
	_ = c.nc.Close()
	c.started.wait()
	c.srv.untrack(c)
}

// handleBatches reads as much as there is, handles all of it, and only then flushes whatever it made non-empty. After
// errResting the connection is somebody else's.
func (c *conn) handleBatches() error {
	for {
		data, err := c.in.next()
		if errors.Is(err, errNothing) {
			if c.rest() {
				return errResting
			}
			continue
		}
		if err != nil {
			return err
		}
		now := c.srv.now()
		c.heard(now)
		c.batch = c.srv.newBatch(now)
		c.batch.sample(now)
		if c.held = c.throttle.Load(); c.held != nil {
			c.held.fill(now)
		}
		used, err := c.handle(data)
		c.in.consumed(data, used)
		c.countReceived()
		c.flushReplies()
		if c.batch.acked {
			c.batch.wake(c.sess.Resume(c.batch.now))
			c.refill()
		}
		timed := c.batch.timed()
		c.batch.gather()
		c.batch.end()
		if timed > 0 {
			c.srv.measures.handled.Observe(c.srv.now().Sub(now), timed)
		}
		c.batch = nil
		if err != nil {
			return err
		}
		if err := c.out.waitForRoom(); err != nil {
			return err
		}
		if c.in.filled() {
			c.srv.turns.wait()
		}
		if c.in.again { // a PUBLISH has come too early
			if err := c.pause(); err != nil {
				return err
			}
		} else if c.in.drained && !c.over.Load() && c.rest() {
			return errResting
		}
	}
}

// handle handles the whole packets in data and says how many bytes that were. It stops before a PUBLISH that comes too
// early for the client's rates.
func (c *conn) handle(data []byte) (used int, err error) {
	m := &c.srv.cfg.MQTT
	traced := c.srv.tracer.On()
	for used < len(data) {
		h, body, n, need, err := packet.NextVersion(data[used:], int(m.MaxPacketSizeBytes), c.peer.version)
		if err != nil {
			return used, err
		}
		if n == 0 {
			c.in.need(need)
			return used, nil
		}
		if c.held != nil && h.Type == packet.TypePublish && !c.held.take(n) {
			c.in.again = true
			return used, nil
		}
		used += n
		c.batch.received.Packets[h.Type]++
		c.batch.received.Bytes += uint64(n)
		if traced {
			c.traceIn(h, body, n)
		}
		if c.peer.version == packet.V5 {
			if err := packet.CheckUserProperties(h, body, int(m.MaxUserProperties)); err != nil {
				return used, err
			}
		}
		if err := c.dispatch(h, body, data[used-n:used]); err != nil {
			return used, err
		}
	}
	return used, nil
}

func (c *conn) dispatch(h packet.Header, body, raw []byte) error {
	switch h.Type {
	case packet.TypePublish:
		return c.publish(h, body, raw)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp:
		return c.acknowledge(h.Type, body)
	case packet.TypeSubscribe:
		return c.subscribe(body)
	case packet.TypeUnsubscribe:
		return c.unsubscribe(body)
	case packet.TypePingreq:
		c.batch.replies = packet.AppendPingresp(c.batch.replies) // [MQTT-3.12.4-1]
		return nil
	case packet.TypeDisconnect:
		return c.disconnected(body)
	case packet.TypeAuth:
		return c.reauthenticate(body)
	case packet.TypeConnect: // [MQTT-3.1.0-2]
		return &packet.Error{Reason: packet.ProtocolError, Clause: "MQTT-3.1.0-2", Detail: "second CONNECT"}
	}
	return &packet.Error{Reason: packet.ProtocolError, Clause: "MQTT 5 §2.1.2", Detail: h.Type.String() + " from a client"}
}

// errGone ends a connection that needs no answer.
var errGone = errors.New("connection ended")

// disconnected handles DISCONNECT.
func (c *conn) disconnected(body []byte) error {
	var d packet.Disconnect
	if err := d.Parse(body, c.peer.version); err != nil {
		return err
	}
	if d.HasSessionExpiry {
		if c.peer.sessionExpiry == 0 && d.SessionExpiry > 0 {
			return &packet.Error{Reason: packet.ProtocolError, Clause: "MQTT 5 §3.14.2.2.2", Detail: "DISCONNECT raises a session expiry of 0"}
		}
		c.peer.sessionExpiry = c.srv.grantExpiry(d.SessionExpiry)
	}
	c.peer.gracefully = true
	c.peer.withoutWill = d.Reason == packet.NormalDisconnection // [MQTT-3.14.4-3]
	return errGone
}

// flushReplies moves the control packets of the batch into the outbox.
func (c *conn) flushReplies() {
	if b := c.batch; len(b.replies) > 0 {
		b.send(c, b.replies)
		b.replies = b.replies[:0]
	}
}

// kick ends the connection from outside, with a reason for the client. It does not wait.
func (c *conn) kick(reason *packet.Error) {
	if !c.kicked.CompareAndSwap(nil, reason) {
		return
	}
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // wakes the reader, which says goodbye
	c.wake()
	c.out.signal() // also where it waits for room
	c.unpause()    // or for tokens
}

// errOver is what kicks a connection that has ended without it.
var errOver = &packet.Error{Detail: "the connection is over"}

// end says goodbye as far as the error asks for it and gives the session up.
func (c *conn) end(err error) {
	if kicked := c.kicked.Load(); kicked != nil {
		err = kicked
	}
	var perr *packet.Error
	if errors.As(err, &perr) {
		if c.sess != nil && c.peer.version == packet.V5 {
			if last := c.disconnect(perr); c.fits(last) {
				c.out.finish(last) // [MQTT-4.13.1-1]
			}
		}
		c.logEnd(perr)
	} else if err != nil && !errors.Is(err, errGone) && !errors.Is(err, io.EOF) {
		c.srv.log.Debug("connection lost", "peer", c.nc.RemoteAddr().String(), "reason", err.Error())
	}
	c.auditEnd(perr)
	c.kicked.CompareAndSwap(nil, errOver)
	c.srv.alive.put(c, 0)
	c.proof.Load().forget()
	c.lease.forget()
	c.again.stop()
	c.ticket.LeaveUser() // first: whom nothing is left to take over from needs room of its own
	if c.client != nil {
		c.srv.measures.left(c)
		c.client.detach(c)
	}
}

// fits says whether the client takes a packet so large. [MQTT-3.1.2-24]
func (c *conn) fits(b []byte) bool {
	return c.peer.maxPacketSize == 0 || len(b) <= int(c.peer.maxPacketSize)
}

// lost ends the connection after a failed write; the client cannot be told.
func (c *conn) lost() {
	_ = c.nc.Close()
	c.wake()
	c.unpause()
}

func (c *conn) logEnd(e *packet.Error) {
	id := ""
	if c.client != nil {
		id = c.client.id
	}
	c.srv.log.Info("connection ended by the broker", "client_id", id, "listener", c.listener.Name,
		"peer", c.nc.RemoteAddr().String(), "reason", e.Error(), "code", e.Reason.String())
}

// startKeepAlive ends the connection when nothing has come for one and a half keep alives. [MQTT-3.1.2-22]
func (c *conn) startKeepAlive() {
	if c.peer.keepAlive == 0 {
		return
	}
	c.heard(c.srv.now())
	c.lookAgain(c.peer.keepAlive)
}

// heard notes when something has come of late.
func (c *conn) heard(now time.Time) { c.lastRead.Store(int64(now.Sub(c.srv.started))) }

// lookAgain has due called after a while.
func (c *conn) lookAgain(after time.Duration) {
	c.srv.alive.put(c, c.srv.steady().Add(after).UnixMilli()+1) // rounded up
	if c.kicked.Load() != nil {
		c.srv.alive.put(c, 0) // it may have ended in between
	}
}

// slot implements dated.
func (c *conn) slot() *int32 { return &c.alive }

// due implements dated: it looks whether something has come.
func (c *conn) due(int64) {
	if c.kicked.Load() != nil {
		return
	}
	idle := c.srv.now().Sub(c.srv.started) - time.Duration(c.lastRead.Load())
	switch left := c.peer.keepAlive - idle; {
	case c.paused.Load(): // it may have sent something
		c.lookAgain(c.peer.keepAlive)
	case left > 0:
		c.lookAgain(left)
	default:
		c.kick(&packet.Error{Reason: packet.KeepAliveTimeout, Clause: "MQTT-3.1.2-22", Detail: "nothing received for one and a half times the keep alive"})
	}
}
