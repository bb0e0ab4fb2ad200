package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/audit"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/limit"
	"github.com/dunlin-mqtt/dunlin/broker/metrics"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// openAudit opens the audit log, which is nil where none is asked for.
func (s *Server) openAudit(output io.Writer) (err error) {
	if output == nil {
		output = os.Stdout
	}
	s.audit, err = audit.Open(s.cfg.Audit, output, s.log, s.now)
	return err
}

// startAudit has the audit log written until the function that it returns is called, and what is on its way then.
func (s *Server) startAudit() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.audit.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// entry is what the audit log says of the connection, whatever has happened to it. Where it is not known yet who it is, the
// entry counts for its address.
func (c *conn) entry(event audit.Event) audit.Entry {
	e := audit.Entry{Event: event, Listener: c.listener.Name, Peer: c.nc.RemoteAddr().String(), Protocol: c.peer.version.String()}
	e.Key = addressKey(c.nc)
	if p := c.proof.Load(); p != nil {
		e.Certificate = p.chain[0].Subject.String()
	}
	if c.identity != nil {
		e.ClientID, e.Username = c.identity.ClientID(), c.identity.Username()
		if !c.identity.Anonymous() { // whose client identifier may be another one each time
			e.Key = clientKey(e.Username, e.ClientID)
		}
	}
	return e
}

func clientKey(user, clientID string) string { return "client " + user + "\x00" + clientID }

// addressKey counts for an IPv4 address or an IPv6 /64, as limits do.
func addressKey(nc net.Conn) string { return "address " + limit.Network(nc.RemoteAddr()).String() }

// auditConnected tells of a client that was let in.
func (c *conn) auditConnected() {
	if c.srv.audit != nil {
		c.srv.audit.Write(c.entry(audit.Connected))
	}
}

// auditRefused tells of a CONNECT that was answered with no; who has sent nothing that is a CONNECT is not told of.
func (c *conn) auditRefused(p *packet.Connect, err error) {
	var perr *packet.Error
	if c.srv.audit == nil || c.peer.version == 0 || !errors.As(err, &perr) {
		return
	}
	e := c.entry(audit.Refused)
	e.Key = addressKey(c.nc) // a name proves nothing yet
	e.ClientID, e.Code, e.Reason = p.ClientID, perr.Reason.String(), perr.Detail
	if e.Username == "" {
		e.Username = p.Username
	}
	c.srv.audit.Write(e)
}

// auditUnshaken tells of a client of which nothing is known but how its TLS handshake failed.
func (c *conn) auditUnshaken(why string, err error) {
	c.srv.log.Debug("TLS handshake failed", "listener", c.listener.Name, "peer", c.nc.RemoteAddr().String(), "reason", err.Error())
	if c.srv.audit == nil {
		return
	}
	e := c.entry(audit.Refused)
	e.Protocol, e.Reason = "", why
	c.srv.audit.Write(e)
}

// auditEnd tells of the end of a connection that had been let in, and why: nil is that the client went.
func (c *conn) auditEnd(perr *packet.Error) {
	if c.srv.audit == nil || c.client == nil {
		return
	}
	e := c.entry(audit.Disconnected)
	e.Seconds = max(0, c.srv.now().UnixMilli()-c.since) / 1000
	switch {
	case perr != nil:
		e.Code, e.Reason = perr.Reason.String(), perr.Detail
	case c.peer.gracefully:
		e.Reason = "the client has disconnected"
	default:
		e.Reason = "the connection was lost"
	}
	c.srv.audit.Write(e)
}

// auditDenied tells of what access rules did not let the client do.
func (c *conn) auditDenied(action, topic string) {
	if c.srv.audit == nil {
		return
	}
	e := c.entry(audit.Denied)
	e.Action, e.Topic = action, topic
	c.srv.audit.Write(e)
}

// auditWill is auditDenied of a will, whose client has no connection any more.
func (s *Server) auditWill(cl *client, w *will) {
	s.auditAway(audit.Denied, cl, w.identity, denialNames[deniedWill], w.msg.Topic)
}

// auditAway tells of what access rules say to a client that may have no connection.
func (s *Server) auditAway(event audit.Event, cl *client, id *auth.Identity, action, topic string) {
	if s.audit == nil {
		return
	}
	user := id.Username()
	s.audit.Write(audit.Entry{
		Event: event, Key: clientKey(user, cl.id), ClientID: cl.id, Username: user, Action: action, Topic: topic,
	})
}

// auditor tells of calls of the admin API.
type auditor struct{ log *audit.Log }

// AdminCall implements admin.Audit. Calls that only look whether the broker is well, which come every few seconds, are not
// told of unless they are refused.
func (a auditor) AdminCall(c admin.Call) {
	if c.Status < http.StatusBadRequest && (c.Path == "/v1/status" || c.Path == "/metrics") {
		return
	}
	call := c.Method + " " + c.Path
	if c.Query != "" {
		call += "?" + c.Query
	}
	e := audit.Entry{Event: audit.Admin, Key: "admin " + c.Caller.Name, Caller: c.Caller.Name, Peer: c.Peer, Call: call, Status: c.Status}
	if c.Caller.Name != "" {
		e.Role = c.Caller.Role.String()
	}
	a.log.Write(e)
}

func (s *Server) auditMetrics(m *metrics.Snapshot) {
	st := s.audit.Stats()
	m.Audit = map[string]uint64{"written": st.Written, "rate_limited": st.RateLimited, "overflown": st.Overflown, "failed": st.Failed}
}
