package server

import (
	"crypto/x509"
	"maps"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// gate is a listener, as the judge of its clients' certificates.
type gate interface {
	// Check says why a client with such a certificate, and those of its CAs that it sent, would not be let in.
	Check(chain []*x509.Certificate) error
}

// clientTrust is the one Trust of all listeners that ask for certificates; "": they differ for now, or there are none.
func (s *Server) clientTrust() string {
	s.mu.Lock()
	listeners := slices.Collect(maps.Values(s.listeners))
	s.mu.Unlock()
	one := ""
	for _, l := range listeners {
		switch trust := l.Trust(); {
		case trust == "" || trust == one:
		case one != "":
			return ""
		default:
			one = trust
		}
	}
	return one
}

// proof is the certificates that a client has proved to hold in its handshake, its own first. They end its connection when one of them expires.
type proof struct {
	conn  *conn
	chain []*x509.Certificate
	place int32 // in Server.proofs, guarded by those; 0: none
}

// prove keeps what the client has proved.
func (c *conn) prove(chain []*x509.Certificate) {
	p := &proof{conn: c, chain: chain}
	c.proof.Store(p)
	until := chain[0].NotAfter
	for _, cert := range chain[1:] {
		if cert.NotAfter.Before(until) {
			until = cert.NotAfter
		}
	}
	c.srv.proofs.put(p, until.UnixMilli()+1)
}

// slot implements dated.
func (p *proof) slot() *int32 { return &p.place }

// due implements dated: it ends the connection.
func (p *proof) due(int64) {
	p.conn.kick(&packet.Error{Reason: packet.NotAuthorized, Clause: "MQTT 5 §4.13.1", Detail: "the client's certificate has expired"})
}

// forget ends the watch on when it expires. p may be nil.
func (p *proof) forget() {
	if p != nil {
		p.conn.srv.proofs.put(p, 0)
	}
}

// checkCertificate ends the connection if its client's certificate is not let in any more.
func (c *conn) checkCertificate() {
	p := c.proof.Load()
	if p == nil {
		return
	}
	if err := c.gate.Check(p.chain); err != nil {
		c.kick(&packet.Error{Reason: packet.NotAuthorized, Clause: "MQTT 5 §4.13.1", Detail: err.Error()})
	}
}

// trustChanged ends the connections that came through a listener whose certificates are not let in any more. One that
// is just being made looks itself, when it is.
func (s *Server) trustChanged(gate gate) {
	for _, c := range s.connections() {
		if c.gate == gate {
			c.checkCertificate()
		}
	}
}
