package server

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/metrics"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/traffic"
)

// census counts connections and sessions as they come and go.
type census struct {
	sockets   atomic.Uint64 // connections that were accepted
	connected atomic.Int64  // sessions that have a connection
	maximum   atomic.Int64  // the most of them at a time
	expired   atomic.Uint64 // sessions that ended because their client stayed away
}

// attached counts a session in that has got a connection.
func (n *census) attached() {
	now := n.connected.Add(1)
	for {
		most := n.maximum.Load()
		if now <= most || n.maximum.CompareAndSwap(most, now) {
			return
		}
	}
}

// countReceived counts what the batch has read. Nobody else writes, so that it takes no more than two stores.
func (c *conn) countReceived() {
	n := &c.batch.received
	c.receivedMessages.Store(c.receivedMessages.Load() + n.Packets[packet.TypePublish])
	c.receivedBytes.Store(c.receivedBytes.Load() + n.Bytes)
}

// countReceived counts a packet of size bytes that was read outside of a batch.
func (s *Server) countReceived(t packet.Type, size int) {
	var n traffic.Counts
	n.Packets[t]++
	n.Bytes += uint64(size)
	s.received.Add(rand.Uint32(), &n)
}

// countSent counts control packets that are sent outside of a batch.
func (s *Server) countSent(packets []byte) {
	var n traffic.Counts
	n.Encoded(packets)
	s.limits.Sent.Add(rand.Uint32(), &n)
}

// Which packets clients send, and which are sent to them: these are shown at 0 as well. A client that sends another
// is counted too.
var (
	fromClients = []packet.Type{packet.TypeConnect, packet.TypePublish, packet.TypePuback, packet.TypePubrec, packet.TypePubrel,
		packet.TypePubcomp, packet.TypeSubscribe, packet.TypeUnsubscribe, packet.TypePingreq, packet.TypeDisconnect, packet.TypeAuth}
	toClients = []packet.Type{packet.TypeConnack, packet.TypePublish, packet.TypePuback, packet.TypePubrec, packet.TypePubrel,
		packet.TypePubcomp, packet.TypeSuback, packet.TypeUnsuback, packet.TypePingresp, packet.TypeDisconnect, packet.TypeAuth}
)

// trafficOf is n with the names of packet types.
func trafficOf(n traffic.Counts, usual []packet.Type) metrics.Traffic {
	t := metrics.Traffic{Packets: make(map[string]uint64, len(usual)), Bytes: n.Bytes, PayloadBytes: n.Payload}
	for i, packets := range n.Packets {
		if packets > 0 || slices.Contains(usual, packet.Type(i)) {
			t.Packets[strings.ToLower(packet.Type(i).String())] = packets
		}
	}
	return t
}
