package server

import (
	"fmt"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/session"
)

// relay is a connection that publishes to one topic, to which n others that are connected have subscribed, and a batch of its
// PUBLISHes.
func relay(t testing.TB, qos byte, n int) (c *conn, packets []byte) {
	t.Helper()
	const batch = 32
	c = publisher(t)
	s := c.srv
	for i := range n {
		cl := s.clients.get(s, fmt.Sprint("subscriber ", i))
		cl.identity.Store(auth.Recall(cl.id, "", true))
		cl.live.Store(new(conn))
		sub := &subscription{client: cl, filter: "plant/line 7/temperature", qos: qos}
		cl.subs.set(sub)
		s.enlist(sub, nil)
		cl.sess.Attach(session.Attachment{Sink: &drain{sess: cl.sess}, Version: packet.V311}, packet.AppendPingresp(nil))
	}
	c.peer.version = packet.V311
	for i := range batch {
		p := packet.Publish{QoS: qos, Topic: []byte("plant/line 7/temperature"), Payload: make([]byte, 64)}
		if qos > 0 {
			p.PacketID = uint16(1 + i)
		}
		packets = p.Append(packets, packet.V311)
	}
	return c, packets
}

// relayBatch handles a batch of packets without a socket, as handleBatches does.
func (c *conn) relayBatch(t testing.TB, packets []byte) {
	c.batch = c.srv.newBatch(c.srv.now())
	if used, err := c.handle(packets); err != nil || used != len(packets) {
		t.Fatal(used, err)
	}
	c.batch.end()
}

// TestRelayAllocates: what is delivered at QoS 0 costs no memory.
func TestRelayAllocates(t *testing.T) {
	if raced {
		t.Skip("pools forget some of what they are given under the race detector")
	}
	c, packets := relay(t, 0, 3)
	if n := testing.AllocsPerRun(100, func() { c.relayBatch(t, packets) }); n > 3 { // a batch, at most one for each subscriber
		t.Errorf("%v allocations for 32 messages", n)
	}
}

// BenchmarkRelay is a PUBLISH of QoS 0 from its bytes to those in its subscribers' outboxes.
func BenchmarkRelay(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c, packets := relay(b, 0, n)
			b.ReportAllocs()
			for i := 0; i < b.N; i += 32 {
				c.relayBatch(b, packets)
			}
		})
	}
}

// BenchmarkRelayAcknowledged is a PUBLISH of QoS 1 from its bytes to those in its subscriber's outbox, its PUBACK, and the subscriber's.
func BenchmarkRelayAcknowledged(b *testing.B) {
	c, packets := relay(b, 1, 1)
	subscriber := &conn{srv: c.srv, client: c.srv.clients.get(c.srv, "subscriber 0")}
	subscriber.sess, subscriber.peer.version = subscriber.client.sess, packet.V311
	c.sess.Attach(session.Attachment{Sink: &drain{sess: c.sess}, Version: packet.V311}, packet.AppendPingresp(nil))
	var acks []byte
	b.ReportAllocs()
	for i := 0; i < b.N; i += 32 {
		c.relayBatch(b, packets)
		acks = acks[:0]
		for k := range 32 {
			a := packet.Ack{PacketID: uint16(1 + (i+k)%65535)}
			acks = a.Append(acks, packet.TypePuback, packet.V311)
		}
		subscriber.relayBatch(b, acks)
	}
}
