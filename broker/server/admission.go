package server

import (
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/limit"
	"github.com/dunlin-mqtt/dunlin/broker/listener"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// enter counts an accepted connection in, which may be from a trusted proxy; false: it is to be closed at once.
func (c *conn) enter(proxy bool) bool {
	from := c.nc.RemoteAddr()
	if proxy {
		c.hop, from = from, nil
	}
	return c.srv.guard.Enter(&c.ticket, c.listener.Name, c.srv.maxConnections(c.listener.Name), limit.Network(from), c.srv.now())
}

// comesFrom has the proxy, if there is one, say whose connection it is: before a handshake costs anything, and before a
// client that sends nothing counts for nobody.
func (c *conn) comesFrom() error {
	if c.hop == nil {
		return nil
	}
	if err := listener.ReadHeader(c.nc); err != nil {
		return err
	}
	from := c.nc.RemoteAddr()
	if from.String() != c.hop.String() && !c.ticket.From(limit.Network(from), c.srv.now()) { // else it is the proxy's own
		return errGone
	}
	return nil
}

// letIn says why a connection that has sent its CONNECT may not come in; nil: it may.
func (c *conn) letIn() error { return refusal(c.ticket.Refused(c.srv.now())) }

// letClientIn is letIn of a client that has authenticated.
func (c *conn) letClientIn() error {
	most := c.srv.live.Load().Limits.MaxConnectionsPerUser
	if own := c.srv.auth.Policy().Limits(c.identity).MaxConnections; own != nil {
		most = *own
	}
	replaces := most > 0 && c.srv.replaces(c.identity)
	return refusal(c.ticket.Connect(c.identity.Username(), c.identity.ClientID(), most, replaces, c.srv.now()))
}

// replaces says whether the client is connected already, as the same user: then that connection is about to end.
func (s *Server) replaces(id *auth.Identity) bool {
	cl := s.clients.find(store.PartitionOf(id.ClientID()), id.ClientID())
	if cl == nil {
		return false
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.live.Load() != nil && cl.belongsTo(id)
}

// refusal is what a client is told; nil: why is None.
func refusal(why limit.Reason) error {
	if why == limit.None {
		return nil
	}
	e := &packet.Error{Clause: "MQTT 5 §3.2.2.2", Reason: packet.QuotaExceeded}
	switch why {
	case limit.AddressBanned:
		e.Reason, e.Detail = packet.Banned, "too many wrong passwords came from this address"
	case limit.ClientBanned:
		e.Reason, e.Detail = packet.Banned, "the client has connected too often"
	case limit.AddressRate:
		e.Reason, e.Detail = packet.ConnectionRateExceeded, "too many connections a second from this address"
	case limit.ConnectionRate:
		e.Reason, e.Detail = packet.ConnectionRateExceeded, "too many connections a second"
	case limit.AddressConnections:
		e.Detail = "too many connections from this address"
	case limit.ListenerConnections:
		e.Detail = "the listener has its maxConnections"
	case limit.UserConnections:
		e.Detail = "the user has too many connections"
	default:
		e.Detail = "the broker has its maxConnections"
	}
	return e
}
