package packet

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sample is one packet, decoded and on the wire.
type sample struct {
	name string
	v    Version
	p    any
	wire string // hex, spaces and | for the reader
	ok   []int  // the lengths at which a truncated body is a valid packet too
}

func ptr[T any](v T) *T { return &v }

// unhex decodes hex with spaces, | and 'text' in quotes.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "", "\t", "").Replace(part))
		if err != nil {
			t.Fatalf("decode hex %q: %v", part, err)
		}
		out = append(out, b...)
	}
	return out
}

// typedAck is an Ack and which of the four it is.
type typedAck struct {
	T Type
	A Ack
}

// ping is a PINGREQ or PINGRESP.
type ping struct{ T Type }

// parse decodes a packet's body into a fresh struct.
func parse(h Header, body []byte, v Version) (any, error) {
	switch h.Type {
	case TypeConnect:
		p := new(Connect)
		return p, p.Parse(body)
	case TypeConnack:
		p := new(Connack)
		return p, p.Parse(body, v)
	case TypePublish:
		p := new(Publish)
		return p, p.Parse(h.Flags, body, v)
	case TypePuback, TypePubrec, TypePubrel, TypePubcomp:
		p := &typedAck{T: h.Type}
		return p, p.A.Parse(h.Type, body, v)
	case TypeSubscribe:
		p := new(Subscribe)
		return p, p.Parse(body, v)
	case TypeSuback:
		p := new(Suback)
		return p, p.Parse(body, v)
	case TypeUnsubscribe:
		p := new(Unsubscribe)
		return p, p.Parse(body, v)
	case TypeUnsuback:
		p := new(Unsuback)
		return p, p.Parse(body, v)
	case TypePingreq, TypePingresp:
		return &ping{h.Type}, nil
	case TypeDisconnect:
		p := new(Disconnect)
		return p, p.Parse(body, v)
	case TypeAuth:
		p := new(Auth)
		return p, p.Parse(body)
	}
	return nil, fmt.Errorf("parse type %d", h.Type)
}

// encode appends a packet that parse returned.
func encode(dst []byte, packet any, v Version) []byte {
	switch p := packet.(type) {
	case *Connect:
		return p.Append(dst)
	case *Connack:
		return p.Append(dst, v)
	case *Publish:
		return p.Append(dst, v)
	case *typedAck:
		return p.A.Append(dst, p.T, v)
	case *Subscribe:
		return p.Append(dst, v)
	case *Suback:
		return p.Append(dst, v)
	case *Unsubscribe:
		return p.Append(dst, v)
	case *Unsuback:
		return p.Append(dst, v)
	case *ping:
		if p.T == TypePingreq {
			return AppendPingreq(dst)
		}
		return AppendPingresp(dst)
	case *Disconnect:
		return p.Append(dst, v)
	case *Auth:
		return p.Append(dst)
	}
	panic(fmt.Sprintf("encode %T", packet))
}

// diff compares two packets. Of a byte slice, nil and empty differ only where they mean
// something else: the round trip keeps AuthData and CorrelationData apart by itself.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.IgnoreUnexported(Publish{}), cmpopts.EquateEmpty())
}

var (
	users  = []UserProperty{{"a", "1"}, {"a", "2"}}
	usersX = "26 0001'a' 0001'1' 26 0001'a' 0001'2'" // 14 bytes
)

// samples has every packet type in every version that has it, plain and with everything on.
var samples = []sample{
	{name: "CONNECT least", v: V31, p: &Connect{Version: V31, ClientID: "c"},
		wire: "10 0f 0006'MQIsdp' 03 00 0000 0001'c'"},
	{name: "CONNECT all", v: V31, p: &Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: "c", HasUsername: true, Username: "u", HasPassword: true, Password: []byte("p"),
		Will: &Will{Topic: "w", Payload: []byte("x"), QoS: 1, Retain: true}},
		wire: "10 1b 0006'MQIsdp' 03 ee 003c 0001'c' 0001'w' 0001'x' 0001'u' 0001'p'", ok: []int{21, 24}},
	{name: "CONNECT least", v: V311, p: &Connect{Version: V311, CleanStart: true},
		wire: "10 0c 0004'MQTT' 04 02 0000 0000"},
	{name: "CONNECT all", v: V311, p: &Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", HasUsername: true, Username: "u", HasPassword: true, Password: []byte("p"),
		Will: &Will{Topic: "w", Payload: []byte("x"), QoS: 2, Retain: true}},
		wire: "10 19 0004'MQTT' 04 f6 003c 0001'c' 0001'w' 0001'x' 0001'u' 0001'p'"},
	{name: "CONNECT empty fields", v: V311, p: &Connect{Version: V311, CleanStart: true, HasUsername: true, HasPassword: true, Will: &Will{Topic: "w"}},
		wire: "10 15 0004'MQTT' 04 c6 0000 0000 0001'w' 0000 0000 0000"},
	{name: "CONNECT least", v: V5, p: &Connect{Version: V5},
		wire: "10 0d 0004'MQTT' 05 00 0000 00 0000"},
	{name: "CONNECT password alone", v: V5, p: &Connect{Version: V5, HasPassword: true, Password: []byte("p")},
		wire: "10 10 0004'MQTT' 05 40 0000 00 0000 0001'p'"},
	{name: "CONNECT all", v: V5, p: &Connect{Version: V5, KeepAlive: 10, ClientID: "c", HasUsername: true, Username: "u", HasPassword: true, Password: []byte("p"),
		Will: &Will{Topic: "w", Payload: []byte("x"), QoS: 1, Delay: 5, Expiry: 0, HasExpiry: true, Forward: []byte{propPayloadFormat, 1, propContentType, 0, 1, 't'}},
		Properties: ConnectProperties{SessionExpiry: 0, HasSessionExpiry: true, ReceiveMaximum: 20, MaximumPacketSize: 4096, TopicAliasMaximum: 10,
			RequestResponseInformation: true, NoProblemInformation: true, AuthMethod: "m", AuthData: []byte("d"), User: users}},
		wire: "10 55 0004'MQTT' 05 cc 000a" +
			"| 2a 11 00000000 21 0014 27 00001000 22 000a 19 01 17 00 15 0001'm' 16 0001'd'" + usersX +
			"| 0001'c' | 10 18 00000005 02 00000000 01 01 03 0001't' | 0001'w' 0001'x' 0001'u' 0001'p'"},

	{name: "CONNACK", v: V31, p: &Connack{Reason: NotAuthorized}, wire: "20 02 00 05"},
	{name: "CONNACK accepted", v: V311, p: &Connack{SessionPresent: true}, wire: "20 02 01 00"},
	{name: "CONNACK refused", v: V311, p: &Connack{Reason: ServerUnavailable}, wire: "20 02 00 03"},
	{name: "CONNACK least", v: V5, p: &Connack{}, wire: "20 03 00 00 00"},
	{name: "CONNACK all", v: V5, p: &Connack{SessionPresent: true, Properties: ConnackProperties{
		SessionExpiry: 7, HasSessionExpiry: true, ReceiveMaximum: 20, MaximumQoS: 0, HasMaximumQoS: true, NoRetain: true, MaximumPacketSize: 4096,
		AssignedClientID: "c", TopicAliasMaximum: 9, ReasonString: "r", NoWildcard: true, NoSubscriptionIDs: true, NoShared: true,
		ServerKeepAlive: 0, HasServerKeepAlive: true, ResponseInformation: "i", ServerReference: "s", AuthMethod: "m", AuthData: []byte{}, User: users}},
		wire: "20 45 01 00 42 11 00000007 21 0014 24 00 25 00 27 00001000 12 0001'c' 22 0009 1f 0001'r' 28 00 29 00 2a 00 13 0000" +
			"1a 0001'i' 1c 0001's' 15 0001'm' 16 0000" + usersX},

	{name: "PUBLISH QoS 0", v: V31, p: &Publish{Topic: []byte("a/b"), Payload: []byte("hi")}, wire: "30 07 0003'a/b' 'hi'", ok: []int{5, 6}},
	{name: "PUBLISH QoS 1", v: V311, p: &Publish{Dup: true, Retain: true, QoS: 1, Topic: []byte("a/b"), PacketID: 258, Payload: []byte("hi")},
		wire: "3b 09 0003'a/b' 0102 'hi'", ok: []int{7, 8}},
	{name: "PUBLISH no payload", v: V311, p: &Publish{Retain: true, QoS: 2, Topic: []byte("é"), PacketID: 1}, wire: "35 06 0002 c3a9 0001"},
	{name: "PUBLISH least", v: V5, p: &Publish{Topic: []byte("t")}, wire: "30 04 0001't' 00"},
	{name: "PUBLISH alias alone", v: V5, p: &Publish{Alias: 3, QoS: 1, PacketID: 9, Payload: []byte("hi")}, wire: "32 0a 0000 0009 03 23 0003 'hi'", ok: []int{8, 9}},
	{name: "PUBLISH all", v: V5, p: &Publish{QoS: 2, Topic: []byte("t"), PacketID: 9, Alias: 3, Expiry: 0, HasExpiry: true, SubscriptionIDs: []uint32{1, 268435455},
		Forward: []byte{propPayloadFormat, 1, propResponseTopic, 0, 1, 'r', propCorrelationData, 0, 0, propUser, 0, 0, 0, 0}},
		wire: "34 23 0001't' 0009 1d 02 00000000 23 0003 0b 01 0b ffffff7f 01 01 08 0001'r' 09 0000 26 0000 0000"},

	{name: "PUBACK", v: V31, p: &typedAck{T: TypePuback, A: Ack{PacketID: 1}}, wire: "40 02 0001"},
	{name: "PUBREC", v: V311, p: &typedAck{T: TypePubrec, A: Ack{PacketID: 65535}}, wire: "50 02 ffff"},
	{name: "PUBREL", v: V311, p: &typedAck{T: TypePubrel, A: Ack{PacketID: 2}}, wire: "62 02 0002"},
	{name: "PUBCOMP", v: V311, p: &typedAck{T: TypePubcomp, A: Ack{PacketID: 2}}, wire: "70 02 0002"},
	{name: "PUBACK short", v: V5, p: &typedAck{T: TypePuback, A: Ack{PacketID: 1}}, wire: "40 02 0001"},
	{name: "PUBACK reason", v: V5, p: &typedAck{T: TypePuback, A: Ack{PacketID: 1, Reason: NoMatchingSubscribers}}, wire: "40 03 0001 10", ok: []int{2}},
	{name: "PUBREC all", v: V5, p: &typedAck{T: TypePubrec, A: Ack{PacketID: 1, Reason: QuotaExceeded, ReasonString: "r", User: users}},
		wire: "50 16 0001 97 12 1f 0001'r'" + usersX, ok: []int{2, 3}},
	{name: "PUBREL all", v: V5, p: &typedAck{T: TypePubrel, A: Ack{PacketID: 1, Reason: PacketIdentifierNotFound, ReasonString: "r"}},
		wire: "62 08 0001 92 04 1f 0001'r'", ok: []int{2, 3}},
	{name: "PUBCOMP success with text", v: V5, p: &typedAck{T: TypePubcomp, A: Ack{PacketID: 1, ReasonString: "r"}},
		wire: "70 08 0001 00 04 1f 0001'r'", ok: []int{2, 3}},

	{name: "SUBSCRIBE", v: V31, p: &Subscribe{PacketID: 1, Filters: []Filter{{Filter: "a"}}}, wire: "82 06 0001 0001'a' 00"},
	{name: "SUBSCRIBE two", v: V311, p: &Subscribe{PacketID: 1, Filters: []Filter{{Filter: "a/#", QoS: 2}, {Filter: "+", QoS: 1}}},
		wire: "82 0c 0001 0003'a/#' 02 0001'+' 01", ok: []int{8}},
	{name: "SUBSCRIBE all", v: V5, p: &Subscribe{PacketID: 1, SubscriptionID: 128, User: users, Filters: []Filter{
		{Filter: "a", QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}, {Filter: "$share/g/a", QoS: 2, RetainHandling: 1}}},
		wire: "82 25 0001 11 0b 8001" + usersX + "| 0001'a' 2d | 000a'$share/g/a' 12", ok: []int{24}},

	{name: "SUBACK", v: V311, p: &Suback{PacketID: 1, Reasons: []ReasonCode{GrantedQoS2, UnspecifiedError}}, wire: "90 04 0001 02 80", ok: []int{3}},
	{name: "SUBACK all", v: V5, p: &Suback{PacketID: 1, Reasons: []ReasonCode{NotAuthorized}, ReasonString: "r", User: users},
		wire: "90 16 0001 12 1f 0001'r'" + usersX + "87"},

	{name: "UNSUBSCRIBE", v: V31, p: &Unsubscribe{PacketID: 1, Filters: []string{"a", "b/#"}}, wire: "a2 0a 0001 0001'a' 0003'b/#'", ok: []int{5}},
	{name: "UNSUBSCRIBE all", v: V5, p: &Unsubscribe{PacketID: 1, User: users, Filters: []string{"a"}}, wire: "a2 14 0001 0e" + usersX + "0001'a'"},

	{name: "UNSUBACK", v: V311, p: &Unsuback{PacketID: 1}, wire: "b0 02 0001"},
	{name: "UNSUBACK all", v: V5, p: &Unsuback{PacketID: 1, Reasons: []ReasonCode{Success, NoSubscriptionExisted}, ReasonString: "r", User: users},
		wire: "b0 17 0001 12 1f 0001'r'" + usersX + "00 11", ok: []int{22}},

	{name: "PINGREQ", v: V311, p: &ping{TypePingreq}, wire: "c0 00"},
	{name: "PINGRESP", v: V5, p: &ping{TypePingresp}, wire: "d0 00"},

	{name: "DISCONNECT", v: V311, p: &Disconnect{}, wire: "e0 00"},
	{name: "DISCONNECT short", v: V5, p: &Disconnect{}, wire: "e0 00"},
	{name: "DISCONNECT reason", v: V5, p: &Disconnect{Reason: SessionTakenOver}, wire: "e0 01 8e", ok: []int{0}},
	{name: "DISCONNECT all", v: V5, p: &Disconnect{Reason: UseAnotherServer, SessionExpiry: 0, HasSessionExpiry: true, ReasonString: "r", ServerReference: "s", User: users},
		wire: "e0 1d 9c 1b 11 00000000 1f 0001'r' 1c 0001's'" + usersX, ok: []int{0, 1}},

	{name: "AUTH empty", v: V5, p: &Auth{}, wire: "f0 00"},
	{name: "AUTH all", v: V5, p: &Auth{Reason: ContinueAuthentication, Method: "m", Data: []byte("d"), ReasonString: "r", User: users},
		wire: "f0 1c 18 1a 15 0001'm' 16 0001'd' 1f 0001'r'" + usersX, ok: []int{0}},
}

func (s sample) String() string { return s.v.String() + " " + s.name }
