package server

import (
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// lease ends a connection when the token does that its client was authenticated by.
type lease struct {
	conn  *conn
	place int32 // in Server.leases, guarded by those; 0: none
}

// renew has the connection end when what id was authenticated by does, and not before.
func (c *conn) renew(id *auth.Identity) {
	until := id.Expires()
	if until.IsZero() {
		return
	}
	if c.lease == nil {
		c.lease = &lease{conn: c}
	}
	c.srv.leases.put(c.lease, until.UnixMilli()+1)
}

// slot implements dated.
func (l *lease) slot() *int32 { return &l.place }

// due implements dated: it ends the connection.
func (l *lease) due(int64) {
	l.conn.kick(&packet.Error{Reason: packet.NotAuthorized, Clause: "MQTT 5 §4.13.1", Detail: "the client's token has expired"})
}

// forget ends the watch. l may be nil.
func (l *lease) forget() {
	if l != nil {
		l.conn.srv.leases.put(l, 0)
	}
}
