package hostile

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// stream is what a client says, packet by packet, CONNECT first.
type stream [][]byte

// streams are valid ones, in every version, of clients that know each other's topics.
func streams() (all []stream) {
	for n, v := range []packet.Version{packet.V5, packet.V311, packet.V31, packet.V5} {
		p := packet.Connect{ClientID: fmt.Sprint("fuzz", n), CleanStart: n%2 == 0, Version: v, KeepAlive: 30, HasUsername: true, Username: "u",
			HasPassword: true, Password: []byte("p"), Will: &packet.Will{Topic: "f/will", Payload: []byte("gone"), QoS: byte(n % 3)}}
		if v == packet.V5 {
			p.Properties = packet.ConnectProperties{SessionExpiry: 5, HasSessionExpiry: true, ReceiveMaximum: 3, TopicAliasMaximum: 4,
				RequestResponseInformation: true, User: []packet.UserProperty{{Name: "a", Value: "b"}}}
			p.Will.Delay, p.Will.Forward = 1, []byte{1, 1, 3, 0, 1, 't'}
		}
		all = append(all, append(stream{p.Append(nil)}, traffic(v, n)...))
	}
	method := packet.Connect{ClientID: "fuzz-auth", CleanStart: true, Version: packet.V5}
	method.Properties.AuthMethod, method.Properties.AuthData = "SCRAM-SHA-256", []byte("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")
	return append(all, stream{method.Append(nil),
		(&packet.Auth{Reason: packet.ContinueAuthentication, Method: "SCRAM-SHA-256", Data: []byte("c=biws,r=fyko,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")}).Append(nil),
		(&packet.Auth{Reason: packet.ReAuthenticate, Method: "SCRAM-SHA-256"}).Append(nil)})
}

// traffic is what follows CONNECT.
func traffic(v packet.Version, n int) (s stream) {
	sub := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{{Filter: "f/#", QoS: 2}, {Filter: "$share/g/f/+", QoS: 1}, {Filter: "+/+/x", QoS: byte(n % 3)}}}
	if v == packet.V5 {
		sub.SubscriptionID, sub.Filters[0].RetainAsPublished, sub.Filters[2].NoLocal = 300, true, true
	}
	s = append(s, sub.Append(nil, v), packet.AppendPingreq(nil))
	for i := range 9 {
		p := packet.Publish{Topic: fmt.Appendf(nil, "f/%d", i%4), QoS: byte(i % 3), Retain: i == 4, Payload: bytes.Repeat([]byte{byte(i)}, i*i*i)}
		if p.QoS > 0 {
			p.PacketID = uint16(10 + i)
		}
		if v == packet.V5 {
			p.Forward = []byte{1, 1, 8, 0, 1, 'r', 9, 0, 2, 1, 2, 0x26, 0, 1, 'k', 0, 1, 'v'}
			p.HasExpiry, p.Expiry = i%2 == 0, 1
			p.Alias = uint16(i % 3)
		}
		s = append(s, p.Append(nil, v))
		id := packet.Ack{PacketID: uint16(i + 1)}
		s = append(s, id.Append(nil, packet.TypePuback, v), id.Append(nil, packet.TypePubrec, v), id.Append(nil, packet.TypePubcomp, v))
		s = append(s, (&packet.Ack{PacketID: uint16(10 + i)}).Append(nil, packet.TypePubrel, v))
	}
	s = append(s, (&packet.Unsubscribe{PacketID: 2, Filters: []string{"f/#", "nothing"}}).Append(nil, v))
	d := packet.Disconnect{}
	if v == packet.V5 {
		d = packet.Disconnect{Reason: packet.DisconnectWithWill, ReasonString: "bye", SessionExpiry: 1, HasSessionExpiry: true}
	}
	return append(s, d.Append(nil, v))
}

// damage is one that a stream takes: on packets, or on the bytes in them.
var damage = []func(r *rand.Rand, s stream, all []stream) stream{
	func(r *rand.Rand, s stream, _ []stream) stream { // a bit
		p := change(r, s)
		p[r.IntN(len(p))] ^= 1 << r.IntN(8)
		return s
	},
	func(r *rand.Rand, s stream, _ []stream) stream { // a byte of those that are often limits
		p := change(r, s)
		p[r.IntN(len(p))] = []byte{0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF}[r.IntN(7)]
		return s
	},
	func(r *rand.Rand, s stream, _ []stream) stream { // the length
		p := change(r, s)
		if len(p) > 1 {
			p[1] = byte(r.Uint32())
		}
		return s
	},
	func(r *rand.Rand, s stream, _ []stream) stream { // cut off
		i := r.IntN(len(s))
		s[i] = s[i][:r.IntN(len(s[i])+1)]
		return s
	},
	func(r *rand.Rand, s stream, _ []stream) stream { // twice
		i := r.IntN(len(s))
		return append(append(s[:i:i], s[i], s[i]), s[i+1:]...)
	},
	func(r *rand.Rand, s stream, _ []stream) stream { // swapped
		i, j := r.IntN(len(s)), r.IntN(len(s))
		s[i], s[j] = s[j], s[i]
		return s
	},
	func(r *rand.Rand, s stream, _ []stream) stream { // left out
		i := r.IntN(len(s))
		return append(s[:i:i], s[i+1:]...)
	},
	func(r *rand.Rand, s stream, _ []stream) stream { // bytes of nothing
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		i := r.IntN(len(s))
		return append(append(s[:i:i], b), s[i:]...)
	},
	func(r *rand.Rand, s stream, all []stream) stream { // the rest of another's
		other := all[r.IntN(len(all))]
		i := r.IntN(len(s))
		return append(s[:i:i], other[r.IntN(len(other)):]...)
	},
}

// change is a packet of s that is not empty, copied, so that it may be written to.
func change(r *rand.Rand, s stream) []byte {
	i := r.IntN(len(s))
	if s[i] = bytes.Clone(s[i]); len(s[i]) == 0 {
		s[i] = []byte{0}
	}
	return s[i]
}

// damaged is one of all with some damage; now and then without.
func damaged(r *rand.Rand, all []stream) []byte {
	s := append(stream(nil), all[r.IntN(len(all))]...)
	for range r.IntN(5) {
		if len(s) > 0 {
			s = damage[r.IntN(len(damage))](r, s, all)
		}
	}
	return bytes.Join(s, nil)
}
