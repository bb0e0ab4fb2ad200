package speed

import (
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/load"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
)

func (a *attempt) tls() error { return a.beside(a.over(a.broker.TLS, peer.TLSTransport(true))) }

func (a *attempt) webSocket() error {
	return a.beside(a.over(a.broker.WebSocket, peer.WebSocketTransport()))
}

// beside compares pairs on another transport with pairs on TCP, on the same broker one after the other.
func (a *attempt) beside(other load.Target, err error) error {
	if err != nil {
		return err
	}
	plain, err := a.Pairs(0, 50, 64)
	if err != nil {
		return err
	}
	a.flow(plain)
	f, err := other.Pairs(0, 50, 64)
	if err != nil {
		return err
	}
	a.flow(f)
	a.add(f.PerDelivery(), f.Rate())
	a.add(f.PerDelivery()/plain.PerDelivery(), 0)
	return nil
}

// handshakeShare is how many TLS handshakes there are for each connection of the workload without.
const handshakeShare = 10

func (a *attempt) handshake() error {
	for _, resume := range []bool{false, true} {
		t, err := a.over(a.broker.TLS, peer.TLSTransport(resume))
		if err != nil {
			return err
		}
		r, err := t.Connects(a.sizes.Connects / handshakeShare)
		if err != nil {
			return err
		}
		a.used(r.Usage)
		a.add(r.PerConnect(), r.Rate())
		if resume && r.Resumed < r.N*9/10 {
			a.note("%d of %d resumed", r.Resumed, r.N)
		}
	}
	return nil
}

func (a *attempt) idleTLS() error {
	t, err := a.over(a.broker.TLS, peer.TLSTransport(true))
	if err != nil {
		return err
	}
	r, err := t.Idle(a.sizes.Secure, false)
	a.used(r.Usage)
	a.add(r.Bytes/1000, 0)
	return err
}
