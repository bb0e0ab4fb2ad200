package server

import (
	"context"
	"errors"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/listener"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// authenticate finds out who the client is: by its certificate, its password, or the method that it asks for.
func (c *conn) authenticate(ctx context.Context, p *packet.Connect) error {
	who := c.credentials(p)
	if p.Properties.AuthMethod != "" {
		return c.exchange(p, who)
	}
	id, err := c.srv.auth.Authenticate(ctx, who)
	if err != nil {
		return c.denied(err, "MQTT-3.1.4-2")
	}
	c.identity = id
	return nil
}

// credentials is what the client says of who it is.
func (c *conn) credentials(p *packet.Connect) auth.Credentials {
	who := auth.Credentials{
		ClientID: p.ClientID, Username: p.Username, HasUsername: p.HasUsername, Password: p.Password, HasPassword: p.HasPassword,
	}
	if chain := listener.ClientChain(c.nc); len(chain) > 0 {
		c.prove(chain)
		who.Certificate = chain[0]
	}
	return who
}

func (s *Server) connectTimeout() time.Duration {
	return time.Duration(s.cfg.MQTT.ConnectTimeoutSeconds) * time.Second
}

// denied is denial of a client that connects; a wrong password counts against its address.
func (c *conn) denied(err error, clause string) *packet.Error {
	c.srv.measures.failures[failureOf(err)].Add(1)
	if errors.Is(err, auth.ErrBadCredentials) || errors.Is(err, auth.ErrNotProved) {
		c.ticket.Failed(c.srv.now())
	}
	return denial(err, clause)
}

// denial is what the client is told of an error of package auth.
func denial(err error, clause string) *packet.Error {
	reason := packet.ServerBusy
	switch {
	case errors.Is(err, auth.ErrBadCredentials):
		reason = packet.BadUserNameOrPassword
	case errors.Is(err, auth.ErrNotAllowed), errors.Is(err, auth.ErrNotProved):
		reason = packet.NotAuthorized
	case errors.Is(err, auth.ErrMethod): // [MQTT-4.12.0-1]
		reason = packet.BadAuthenticationMethod
	}
	return &packet.Error{Reason: reason, Clause: clause, Detail: err.Error()}
}

// deniedAgain is denied of a client that is connected already: what is CONNACK's alone becomes Not authorized.
func (c *conn) deniedAgain(err error, clause string) *packet.Error {
	c.srv.measures.failures[failureOf(err)].Add(1)
	e := denial(err, clause)
	if !e.Reason.ValidIn(packet.TypeDisconnect) {
		e.Reason = packet.NotAuthorized
	}
	return e
}

// exchange is the enhanced authentication between CONNECT and CONNACK, within the time for CONNECT. MQTT 5 §4.12.
func (c *conn) exchange(p *packet.Connect, who auth.Credentials) error {
	method, said := p.Properties.AuthMethod, p.Properties.AuthData
	x, err := c.srv.auth.Begin(method, who)
	if err != nil {
		return c.denied(err, "MQTT-4.12.0-1")
	}
	for {
		answer, id, err := x.Step(said)
		if err != nil {
			return c.denied(err, "MQTT-4.12.0-4")
		}
		if id != nil {
			c.identity, c.peer.authMethod, c.peer.authData = id, method, answer
			return nil
		}
		if said, err = c.ask(p, packet.Auth{Reason: packet.ContinueAuthentication, Method: method, Data: answer}); err != nil {
			return err
		}
	}
}

// ask sends AUTH and returns the data of the AUTH that answers it. [MQTT-4.12.0-2]
func (c *conn) ask(p *packet.Connect, a packet.Auth) ([]byte, error) {
	challenge := a.Append(nil)
	if !c.fits(challenge) {
		return nil, errAuthTooLarge
	}
	if err := c.nc.SetWriteDeadline(time.Now().Add(goodbyeTimeout)); err != nil {
		return nil, err
	}
	c.srv.countSent(challenge)
	c.srv.tracer.Packets(false, c.says(p), challenge)
	if _, err := c.nc.Write(challenge); err != nil {
		return nil, err
	}
	if err := c.nc.SetWriteDeadline(time.Time{}); err != nil {
		return nil, err
	}
	var answer packet.Auth
	err := c.readOne(p, func(h packet.Header, body []byte) error {
		switch h.Type {
		case packet.TypeAuth:
			if err := packet.CheckUserProperties(h, body, int(c.srv.cfg.MQTT.MaxUserProperties)); err != nil {
				return err
			}
			return answer.Parse(body)
		case packet.TypeDisconnect:
			return errGone
		}
		return &packet.Error{Reason: packet.ProtocolError, Clause: "MQTT-3.1.2-30", Detail: h.Type.String() + " before CONNACK"}
	})
	if err != nil {
		return nil, err
	}
	if answer.Method != a.Method || answer.Reason != packet.ContinueAuthentication { // [MQTT-4.12.0-3] [MQTT-4.12.0-5]
		return nil, errNotContinued
	}
	return said(answer.Data), nil
}

// said is data that is there, if only to be empty: a client that had its turn has said something.
func said(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

var (
	errAuthTooLarge = &packet.Error{Reason: packet.PacketTooLarge, Clause: "MQTT-3.1.2-24", Detail: "AUTH is larger than the client's Maximum Packet Size"}
	errNotContinued = &packet.Error{Reason: packet.ProtocolError, Clause: "MQTT-4.12.0-3", Detail: "AUTH does not continue the authentication that is under way"}
)
