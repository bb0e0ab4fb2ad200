package packet

import (
	"bytes"
	"testing"
)

// benchPublish is the yardstick's message: a 64-byte payload under a usual topic.
func benchPublish(qos byte) *Publish {
	return &Publish{QoS: qos, PacketID: uint16(qos), Topic: []byte("sensors/building-7/floor-3/temperature"), Payload: bytes.Repeat([]byte("x"), 64)}
}

func BenchmarkPublishParse(b *testing.B) {
	withProps := benchPublish(1)
	withProps.Expiry, withProps.HasExpiry = 60, true
	withProps.Forward = AppendForward(nil, &PublishProperties{PayloadFormat: ptr(byte(1)), ContentType: "application/json", User: users})
	for _, bm := range []struct {
		name string
		p    *Publish
		v    Version
	}{
		{"v311/qos0", benchPublish(0), V311}, {"v5/qos1", benchPublish(1), V5}, {"v5/qos1/properties", withProps, V5},
	} {
		b.Run(bm.name, func(b *testing.B) {
			wire := bm.p.Append(nil, bm.v)
			var p Publish
			b.ReportAllocs()
			for b.Loop() {
				h, body, _, _, err := NextVersion(wire, 1<<20, bm.v)
				if err != nil || p.Parse(h.Flags, body, bm.v) != nil {
					b.Fatal("parse")
				}
			}
		})
	}
}

func BenchmarkPublishAppend(b *testing.B) {
	dst := make([]byte, 0, 1024)
	for _, v := range []Version{V311, V5} {
		b.Run(v.String(), func(b *testing.B) {
			p := benchPublish(1)
			b.ReportAllocs()
			for b.Loop() {
				p.Append(dst, v)
			}
		})
	}
}

func BenchmarkAck(b *testing.B) {
	dst := make([]byte, 0, 64)
	var a Ack
	b.ReportAllocs()
	for b.Loop() {
		a.PacketID = 7
		wire := a.Append(dst, TypePuback, V5)
		h, body, _, _, err := NextVersion(wire, 1<<20, V5)
		if err != nil || a.Parse(h.Type, body, V5) != nil {
			b.Fatal("parse")
		}
	}
}

func BenchmarkConnectParse(b *testing.B) {
	wire := (&Connect{Version: V311, CleanStart: true, ClientID: "client-123", HasUsername: true, Username: "user", HasPassword: true, Password: []byte("secret")}).Append(nil)[2:]
	b.ReportAllocs()
	for b.Loop() {
		var c Connect
		if err := c.Parse(wire); err != nil {
			b.Fatal(err)
		}
	}
}
