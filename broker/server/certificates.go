package server

import (
	"crypto/x509"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// gate is a listener, as the judge of its clients' certificates.
type gate interface {
	// Check says why a client with such a certificate, and those of its CAs that it sent, would not be let in.
	Check(chain []*x509.Certificate) error
}

// checkCertificate ends the connection if its client's certificate is not let in any more.
func (c *conn) checkCertificate() {
	chain := c.chain.Load()
	if chain == nil {
		return
	}
	if err := c.gate.Check(*chain); err != nil {
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
