package traffic

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

func TestEncoded(t *testing.T) {
	filters := make([]packet.ReasonCode, 300) // its length takes two bytes
	var b []byte
	b = packet.AppendPingresp(b)
	b = (&packet.Ack{PacketID: 7}).Append(b, packet.TypePuback, packet.V5)
	b = (&packet.Suback{PacketID: 8, Reasons: filters}).Append(b, packet.V5)
	b = (&packet.Ack{PacketID: 9}).Append(b, packet.TypePuback, packet.V311)
	var got Counts
	got.Encoded(b)
	want := Counts{Bytes: uint64(len(b))}
	want.Packets[packet.TypePingresp], want.Packets[packet.TypePuback], want.Packets[packet.TypeSuback] = 1, 2, 1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestEncodedOfAnything: what is cut short counts nothing twice, and ends.
func TestEncodedOfAnything(t *testing.T) {
	whole := (&packet.Suback{PacketID: 8, Reasons: make([]packet.ReasonCode, 300)}).Append(nil, packet.V5)
	for cut := range whole {
		var got Counts
		got.Encoded(whole[:cut])
		if got.Packets[packet.TypeSuback] > 1 || got.Bytes != uint64(cut) {
			t.Errorf("cut at %d: %+v", cut, got)
		}
	}
	var got Counts
	got.Encoded([]byte{0x40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
}

// TestCounter: everything that several goroutines add is in the sum, and what was added is not added again.
func TestCounter(t *testing.T) {
	var c Counter
	var running sync.WaitGroup
	for shard := range uint32(2 * shards) {
		running.Go(func() {
			var n Counts
			var p Publishes
			for range 100 {
				p.Add(10, 4)
				n.Take(&p)
				n.Encoded([]byte{0xd0, 0})
				c.Add(shard, &n)
				c.Add(shard, &n)
			}
		})
	}
	running.Wait()
	const each = 2 * shards * 100
	want := Counts{Bytes: 12 * each, Payload: 4 * each}
	want.Packets[packet.TypePublish], want.Packets[packet.TypePingresp] = each, each
	if diff := cmp.Diff(want, c.Sum()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func BenchmarkBatch(b *testing.B) {
	var c Counter
	var n Counts
	ack := []byte{0x40, 2, 0, 1}
	for b.Loop() {
		n.Encoded(ack)
		c.Add(1, &n)
	}
}
