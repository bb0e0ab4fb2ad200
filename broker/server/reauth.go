package server

import (
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// reauth is an authentication of a client that is connected already. MQTT 5 §4.12.1.
type reauth struct {
	exchange *auth.Exchange // nil: none is under way
	late     *time.Timer
}

func (r *reauth) stop() {
	if r.late != nil {
		r.late.Stop()
	}
	*r = reauth{}
}

// reauthenticate handles AUTH. Everything else goes on meanwhile, as who the client was before.
func (c *conn) reauthenticate(body []byte) error {
	method := c.peer.authMethod
	if method == "" {
		return &packet.Error{Reason: packet.ProtocolError, Clause: "MQTT-4.12.0-7", Detail: "AUTH from a client that gave no authentication method"}
	}
	var a packet.Auth
	if err := a.Parse(body); err != nil {
		return err
	}
	begins := a.Reason == packet.ReAuthenticate
	switch {
	case a.Method != method:
		return &packet.Error{Reason: packet.ProtocolError, Clause: "MQTT-4.12.1-1", Detail: "AUTH has another authentication method than CONNECT"}
	case begins == (c.again.exchange != nil) || !begins && a.Reason != packet.ContinueAuthentication:
		return errNotContinued
	case begins:
		if err := c.beginAgain(method); err != nil {
			return err
		}
	default:
		a.Data = said(a.Data)
	}
	answer, id, err := c.again.exchange.Step(a.Data)
	if err != nil {
		return c.deniedAgain(err, "MQTT-4.12.1-2")
	}
	reply := packet.Auth{Reason: packet.ContinueAuthentication, Method: method, Data: answer}
	if id != nil {
		c.again.stop()
		c.become(id)
		reply.Reason = packet.Success
	}
	b := c.batch
	at := len(b.replies)
	b.replies = reply.Append(b.replies)
	if !c.fits(b.replies[at:]) {
		b.replies = b.replies[:at]
		return errAuthTooLarge
	}
	return nil
}

// beginAgain begins an exchange that has to end in time, with the user that the client is already.
func (c *conn) beginAgain(method string) error {
	who := auth.Credentials{ClientID: c.client.id, Username: c.identity.Username(), HasUsername: true}
	if proof := c.proof.Load(); proof != nil {
		who.Certificate = proof.chain[0]
	}
	x, err := c.srv.auth.Begin(method, who)
	if err != nil {
		return c.deniedAgain(err, "MQTT-4.12.1-2")
	}
	c.again.exchange = x
	c.again.late = time.AfterFunc(c.srv.connectTimeout(), c.tooLate)
	return nil
}

// tooLate ends a connection whose authentication was not finished in time. While the reader pauses that is our doing, and
// pause gives the client the time anew.
func (c *conn) tooLate() {
	if !c.paused.Load() {
		c.kick(&packet.Error{Reason: packet.NotAuthorized, Clause: "MQTT-4.12.1-2", Detail: "the authentication was not finished in time"})
	}
}

// become makes the same user, newly authenticated, who the client is.
func (c *conn) become(id *auth.Identity) {
	cl := c.client
	cl.mu.Lock()
	c.identity = id
	if cl.live.Load() == c {
		cl.identity.Store(id)
	}
	if c.will != nil {
		c.will.identity = id
	}
	cl.mu.Unlock()
	c.renew(id)
	if !c.srv.auth.Policy().Valid(id) { // revoked since it was authenticated
		c.kick(errRevoked)
	}
}
