package session

import (
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// BenchmarkFanOut delivers a QoS 0 message of 64 bytes to 100 sessions: the time is that of a delivery.
func BenchmarkFanOut(b *testing.B) {
	benchmarkFanOut(b, Attachment{Version: packet.V5})
}

func benchmarkFanOut(b *testing.B, a Attachment) {
	const members = 100
	limits := wide()
	sessions, sinks := make([]*Session, members), make([]*sink, members)
	for i := range sessions {
		sinks[i] = &sink{}
		a.Sink = sinks[i]
		sessions[i] = New("c", limits)
		sessions[i].Attach(a, nil)
	}
	var o Outgoing
	m := &message.Message{Topic: "plant/line 7/press/temperature", Payload: make([]byte, 64), Publisher: "p"}
	var segs []Segment
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += members {
		o.Reset(m, true, 1)
		for _, s := range sessions {
			s.Deliver(&o, &Delivery{})
		}
		if i/members%32 != 31 {
			continue
		}
		for k, s := range sessions {
			s.Begin(sinks[k])
			for ok := true; ok; {
				if segs, ok = s.Take(sinks[k], time.Now, segs[:0]); ok {
					for n := range segs {
						segs[n].Recycle()
					}
				}
			}
		}
	}
}

// BenchmarkFanOutByAlias is BenchmarkFanOut to clients that take topic aliases.
func BenchmarkFanOutByAlias(b *testing.B) {
	benchmarkFanOut(b, Attachment{Version: packet.V5, TopicAliasMaximum: 10})
}
