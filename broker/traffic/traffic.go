// Package traffic counts the control packets and bytes that go one way: from all clients, or to them.
//
// Whoever handles packets counts into a Counts of his own and adds that to a Counter once a batch. A Counter is split
// into shards, so that goroutines on several processors do not wait for each other's cache lines, and is summed only
// when somebody asks. It locks nothing and knows no client. Packages session and server count; server asks.
package traffic

import "sync/atomic"

// types is how many values the control packet type field has. MQTT 5 §2.1.2.
const types = 16

// typePublish is PUBLISH's.
const typePublish = 3

// Counts is what one goroutine has counted. The zero value is nothing.
type Counts struct {
	Packets [types]uint64 // by control packet type
	Bytes   uint64        // of all packets, headers included
	Payload uint64        // bytes of the PUBLISHes' payloads
}

// Publishes is the part of Counts that only messages need.
type Publishes struct {
	Packets, Bytes, Payload uint64
}

// Add counts one PUBLISH of size bytes, of which payload bytes are its payload.
func (p *Publishes) Add(size, payload int) {
	p.Packets++
	p.Bytes += uint64(size)
	p.Payload += uint64(payload)
}

// Take moves p into n.
func (n *Counts) Take(p *Publishes) {
	n.Packets[typePublish] += p.Packets
	n.Bytes += p.Bytes
	n.Payload += p.Payload
	*p = Publishes{}
}

// Encoded counts the control packets that b is made of, none of which is a PUBLISH. They are whole and well-formed:
// the broker has encoded them.
func (n *Counts) Encoded(b []byte) {
	n.Bytes += uint64(len(b))
	for len(b) >= 2 {
		n.Packets[b[0]>>4]++
		length, at := 0, 1
		for shift := 0; at < len(b) && at <= 4; shift += 7 { // MQTT 5 §1.5.5
			length |= int(b[at]&0x7f) << shift
			if at++; b[at-1] < 0x80 {
				break
			}
		}
		b = b[min(at+length, len(b)):]
	}
}

// shards is more than the processors that count at the same time on most machines.
const shards = 16

// Counter sums Counts. The zero value is ready; any number of goroutines may use it.
type Counter struct {
	shards [shards]shard
}

// shard is as large as three cache lines.
type shard struct {
	packets [types]atomic.Uint64
	bytes   atomic.Uint64
	payload atomic.Uint64
	_       [48]byte
}

// Add moves n into a shard, of any number. Goroutines that give different numbers do not disturb each other.
func (c *Counter) Add(number uint32, n *Counts) {
	if n.Bytes == 0 {
		return
	}
	s := &c.shards[number%shards]
	for i, packets := range n.Packets {
		if packets > 0 {
			s.packets[i].Add(packets)
		}
	}
	s.bytes.Add(n.Bytes)
	if n.Payload > 0 {
		s.payload.Add(n.Payload)
	}
	*n = Counts{}
}

// Sum is what has been added.
func (c *Counter) Sum() (sum Counts) {
	for i := range c.shards {
		s := &c.shards[i]
		for t := range s.packets {
			sum.Packets[t] += s.packets[t].Load()
		}
		sum.Bytes += s.bytes.Load()
		sum.Payload += s.payload.Load()
	}
	return sum
}
