package session

import (
	"bytes"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// lengthened is a packet whose remaining length is said in one byte more than it takes. MQTT 3.1.1 allows that.
func lengthened(p []byte) []byte {
	return append([]byte{p[0], p[1] | 0x80, 0}, p[2:]...)
}

// TestCame: what came as a packet leaves as the same bytes as what is encoded anew, whatever it came as and whoever gets it.
func TestCame(t *testing.T) {
	publishes := map[string]packet.Publish{
		"plain":           {},
		"sent again":      {QoS: 1, Dup: true},
		"retained":        {QoS: 2, Retain: true},
		"no payload":      {Payload: []byte{}},
		"large":           {QoS: 1, Payload: bytes.Repeat([]byte("x"), ByReference)},
		"two-byte length": {QoS: 1, Payload: bytes.Repeat([]byte("x"), 200)},
		"with properties": {QoS: 1, Forward: []byte{3, 0, 1, 'j'}},
		"with an alias":   {Alias: 7},
		"that expires":    {HasExpiry: true, Expiry: 100},
	}
	shared := 0
	for name, p := range publishes {
		p.Topic = []byte("plant/press")
		if p.Payload == nil {
			p.Payload = []byte("87.5")
		}
		if p.QoS > 0 {
			p.PacketID = 4711
		}
		for _, from := range versions {
			raw := p.Append(nil, from)
			packets := map[string][]byte{name: raw}
			if from < packet.V5 && raw[1] < 0x80 {
				packets[name+", lengthened"] = lengthened(raw)
			}
			for name, raw := range packets {
				for _, r := range recipients() {
					anew, _ := r.gets(t, nil, &p, from)
					got, asCame := r.gets(t, raw, &p, from)
					if !bytes.Equal(anew, got) {
						t.Errorf("%s, %v to %+v:\n% x, and not\n% x", name, from, r, got, anew)
					}
					if asCame {
						shared++
					}
					if asCame && (len(raw) != len(got) || p.Alias != 0 && from == packet.V5) {
						t.Errorf("%s, %v to %+v: leaves as it came", name, from, r)
					}
				}
			}
		}
	}
	if shared == 0 {
		t.Error("nothing leaves as it came")
	}
}

var versions = []packet.Version{packet.V31, packet.V311, packet.V5}

// recipient is a session's version, and how it gets a message.
type recipient struct {
	version packet.Version
	as      Delivery
}

// recipients are all that differ.
func recipients() (all []recipient) {
	for _, v := range versions {
		for qos := range byte(3) {
			all = append(all, recipient{v, Delivery{QoS: qos}}, recipient{v, Delivery{QoS: qos, Retain: true}})
		}
	}
	return all
}

// gets is the bytes of a message for r, and whether they are the packet that it came as; nil: that is not known.
func (r recipient) gets(t *testing.T, raw []byte, p *packet.Publish, from packet.Version) (out []byte, asCame bool) {
	t.Helper()
	s, w := attached(t, wide(), Attachment{Version: r.version})
	w.read(0)
	m := &message.Message{Topic: string(p.Topic), Payload: p.Payload, QoS: p.QoS, Retain: p.Retain}
	if from == packet.V5 {
		m.Forward = p.Forward
		if p.HasExpiry {
			m.Expires = int64(p.Expiry) * 1000
		}
	}
	var o Outgoing
	o.Reset(m, false, 1000)
	if raw != nil {
		o.Came(raw, p, from)
	}
	if outcome, _ := s.Deliver(&o, &r.as); outcome != Sent {
		t.Fatalf("outcome %v", outcome)
	}
	segs, _ := s.Take(w.sink, time.Now, nil)
	for _, seg := range segs {
		out = append(out, seg.Bytes...)
	}
	for _, byQoS := range o.frames {
		for _, byRetain := range byQoS {
			for _, f := range byRetain {
				asCame = asCame || f.first != 0
			}
		}
	}
	return out, asCame
}
