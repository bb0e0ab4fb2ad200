package session

import (
	"math/rand/v2"

	"github.com/dunlin-mqtt/dunlin/broker/traffic"
)

// countSent takes from o what the session itself has sent of it: pump does so once for many messages.
func (s *Session) countSent(o *Outgoing) {
	if o.Sent.Packets == 0 {
		return
	}
	var n traffic.Counts
	n.Take(&o.Sent)
	s.limits.Sent.Add(rand.Uint32(), &n) // to any shard: sessions do not know their processor
}

// countEncoded counts control packets that the session itself has encoded.
func (s *Session) countEncoded(b []byte) {
	var n traffic.Counts
	n.Encoded(b)
	s.limits.Sent.Add(rand.Uint32(), &n)
}
