package v5

import (
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// begun is a connection on which the broker has asked for the proof of a password.
func begun(t *suite.T, secret string) (*suite.Peer, *suite.Prover, packet.Auth) {
	t.Helper()
	p, proof := t.Dial(), t.Prover(secret)
	hello := proof.Hello("")
	p.Send(hello.Append(nil))
	return p, proof, p.Expect(packet.TypeAuth).Auth
}

// authenticated is a connection that has proved it, and the broker's CONNACK.
func authenticated(t *suite.T) (*suite.Peer, *suite.Prover, packet.Connack) {
	t.Helper()
	p, proof, a := begun(t, suite.ScramUser)
	p.Send(proof.Auth(packet.ContinueAuthentication, proof.Says(a.Data)))
	return p, proof, p.Expect(packet.TypeConnack).Connack
}

// again begins another authentication on p.
func again(t *suite.T, p *suite.Peer, secret string) (*suite.Prover, packet.Auth) {
	t.Helper()
	proof := t.Prover(secret)
	p.Send(proof.Auth(packet.ReAuthenticate, proof.Says(nil)))
	return proof, p.Expect(packet.TypeAuth).Auth
}

// asksForMore: what the broker needs beside CONNECT it asks for in an AUTH that is to be continued.
func asksForMore(t *suite.T) {
	t = t.Scram()
	p, proof, a := begun(t, suite.ScramUser)
	if a.Reason != packet.ContinueAuthentication {
		t.Errorf("AUTH: %v", a.Reason)
	}
	p.Send(proof.Auth(packet.ContinueAuthentication, proof.Says(a.Data)))
	ack := p.Expect(packet.TypeConnack).Connack
	if ack.Reason != packet.Success || !proof.Proved(ack.Properties.AuthData) {
		t.Errorf("CONNACK: %v, authentication data %q", ack.Reason, ack.Properties.AuthData)
	}
	p.Quiet()
}

// refusesProof: a wrong password, and what is no proof at all, end the connection with a CONNACK of failure or none.
func refusesProof(t *suite.T) {
	t = t.Scram()
	t.Sub("wrong password", func(t *suite.T) {
		p, proof, a := begun(t, "another")
		p.Send(proof.Auth(packet.ContinueAuthentication, proof.Says(a.Data)))
		p.Refused()
	})
	t.Sub("no proof", func(t *suite.T) {
		p, proof, _ := begun(t, suite.ScramUser)
		p.Send(proof.Auth(packet.ContinueAuthentication, []byte("let me in")))
		p.Refused()
	})
	t.Sub("at once", func(t *suite.T) {
		p := t.Dial()
		hello := t.Prover("").Hello("")
		hello.Properties.AuthData = []byte("let me in")
		p.Send(hello.Append(nil))
		p.Refused()
	})
}

func namesMethod(t *suite.T) {
	t = t.Scram()
	_, _, a := begun(t, suite.ScramUser)
	p, _, ack := authenticated(t)
	proof, asked := again(t, p, suite.ScramUser)
	p.Send(proof.Auth(packet.ContinueAuthentication, proof.Says(asked.Data)))
	done := p.Expect(packet.TypeAuth).Auth
	for what, method := range map[string]string{
		"AUTH": a.Method, "CONNACK": ack.Properties.AuthMethod, "AUTH of a re-authentication": asked.Method, "the last AUTH": done.Method,
	} {
		if method != password.ScramSHA256 {
			t.Errorf("%s has method %q", what, method)
		}
	}
}

// refusesAgain: an authentication of a connected client that fails ends the connection.
func refusesAgain(t *suite.T) {
	t = t.Scram()
	p, _, _ := authenticated(t)
	proof, asked := again(t, p, "another")
	p.Send(proof.Auth(packet.ContinueAuthentication, proof.Says(asked.Data)))
	p.End()
}

// authCodes: the strict reader of the suite refuses codes that are not AUTH's; each has its place.
func authCodes(t *suite.T) {
	t = t.Scram()
	p, _, _ := authenticated(t)
	proof, asked := again(t, p, suite.ScramUser)
	p.Send(proof.Auth(packet.ContinueAuthentication, proof.Says(asked.Data)))
	done := p.Expect(packet.TypeAuth).Auth
	if asked.Reason != packet.ContinueAuthentication || done.Reason != packet.Success || !proof.Proved(done.Data) {
		t.Errorf("AUTH: %v, then %v", asked.Reason, done.Reason)
	}
	t.Sub("of the client", func(t *suite.T) {
		for _, code := range []packet.ReasonCode{0x01, 0x17, 0x80, 0x87, 0xFF} {
			p, proof, a := begun(t, suite.ScramUser)
			p.Send(proof.Auth(code, proof.Says(a.Data)))
			p.Refused(packet.MalformedPacket, packet.ProtocolError)
		}
	})
}

// noRoomInAuth: AUTH has no reason string, or no user properties, if with them it is larger than the client takes; and
// one that is too large without is not sent.
func noRoomInAuth(user bool) func(*suite.T) {
	return func(t *suite.T) {
		t = t.Scram()
		for _, maximum := range []uint32{30, 60, 120, 140, 160, 200} {
			p, proof := t.Dial(), t.Prover(suite.ScramUser)
			hello := proof.Hello("")
			hello.Properties.MaximumPacketSize = maximum
			p.Send(hello.Append(nil))
			got, over := p.NextOrEnd()
			if !over && (tooLarge(maximum, len(got.Raw), user, got.Auth.ReasonString, got.Auth.User) || len(got.Raw) > int(maximum)) {
				t.Errorf("%v of %d bytes to a client that takes %d", got.Type, len(got.Raw), maximum)
			}
		}
	}
}
