package hostile

import (
	"bytes"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// TestNetworkFuzz damages recorded streams and sends them in pieces of any size over every transport, with every end that
// a connection may have. It prints its seed; try n of a seed is always the same bytes (-seed).
func TestNetworkFuzz(t *testing.T) {
	t.Parallel()
	base := *seed
	if base == 0 {
		base = uint64(time.Now().UnixNano())
	}
	b := start(t, func(c *config.Config) {
		c.MQTT.SessionExpiryMaxSeconds, c.MQTT.MaxQueuedMessages, c.MQTT.MaxSubscriptionsPerSession = 1, 50, 20
	})
	all := streams()
	var tries atomic.Uint64
	defer func() { t.Logf("seed %d, %d tries", base, tries.Load()) }()
	b.attack(64, func() {
		var workers sync.WaitGroup
		end := time.Now().Add(*duration)
		for range 8 {
			workers.Go(func() {
				for time.Now().Before(end) && !t.Failed() {
					n := tries.Add(1)
					r := rand.New(rand.NewPCG(base, n))
					if err := b.try(r, damaged(r, all)); err != nil {
						t.Errorf("seed %d, try %d: %v", base, n, err)
					}
				}
			})
		}
		workers.Wait()
	})
}

// try sends wire. The error is that the broker does not answer at all: it does not take the connection.
func (b *target) try(r *rand.Rand, wire []byte) error {
	addr := []string{b.Addr, b.Addr, b.tls, b.ws, b.proxied}[r.IntN(5)]
	dialed, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	nc := dialed.(*net.TCPConn)
	defer nc.Close() //nolint:errcheck // it may have ended
	_ = nc.SetDeadline(time.Now().Add(patience))
	var out io.Writer = nc
	switch addr {
	case b.tls:
		c := tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
		out = c
		go func() { _, _ = io.Copy(io.Discard, c) }() // ends with the connection
	case b.ws:
		wire = append([]byte(upgrade+"\r\n"), framed(r, wire)...)
		fallthrough
	default:
		if addr == b.proxied {
			wire = append([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 1000 1883\r\n"), wire...)
		}
		if r.IntN(8) > 0 { // else it reads nothing
			go func() { _, _ = io.Copy(io.Discard, nc) }() // ends with the connection
		}
	}
	if addr != b.Addr && len(wire) > 0 && r.IntN(10) == 0 { // the transport is damaged too
		wire[r.IntN(len(wire))] ^= 1 << r.IntN(8)
	}
	most := 1 + r.IntN(1+r.IntN(2000))
	for len(wire) > 0 {
		n := min(len(wire), 1+r.IntN(most))
		if _, err := out.Write(wire[:n]); err != nil {
			return nil // the broker has ended it
		}
		wire = wire[n:]
	}
	b.endAnyhow(r, nc)
	return nil
}

// endAnyhow ends a connection in one of the ways that there are.
func (b *target) endAnyhow(r *rand.Rand, nc *net.TCPConn) {
	switch r.IntN(4) {
	case 0:
		_ = nc.SetLinger(0) // Close sends RST
	case 1:
		_ = nc.CloseWrite()
		_ = nc.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = io.Copy(io.Discard, nc) // whatever comes
	case 2:
		_ = nc.CloseRead()
		_, _ = nc.Write([]byte{0xC0, 0})
	}
}

// framed puts wire in frames of any size, and now and then something else between them.
func framed(r *rand.Rand, wire []byte) []byte {
	var out bytes.Buffer
	for len(wire) > 0 {
		n := min(len(wire), 1+r.IntN(200))
		switch r.IntN(12) {
		case 0:
			out.Write(frame(wsPing, []byte("x")))
		case 1:
			out.Write(frame(wsFragment, wire[:n/2]))
			out.Write(frame(wsMore|0x80, wire[n/2:n]))
			wire = wire[n:]
			continue
		case 2:
			out.Write(frame(byte(r.Uint32()), wire[:n]))
		}
		out.Write(frame(wsBinary, wire[:n]))
		wire = wire[n:]
	}
	return out.Bytes()
}
