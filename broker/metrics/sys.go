package metrics

import (
	"fmt"
	runtime "runtime/metrics"
	"strconv"
	"time"
)

// sysRoot is what the names of all topics of Sys begin with.
const sysRoot = "$SYS/broker/"

// SysValue is one figure as a message.
type SysValue struct{ Topic, Text string }

// Sys renders Snapshots as Mosquitto's $SYS topics: the same names and formats, so that what reads those reads ours.
// It remembers what load averages and maxima need. The zero value is ready; it is for one goroutine at a time.
type Sys struct {
	loads   [len(loads)]load
	heap    uint64 // bytes
	heapMax uint64
}

// loads are the counters that have load averages.
var loads = [...]struct {
	name  string
	value func(*Snapshot) uint64
}{
	{"messages/received", func(s *Snapshot) uint64 { return s.Received.packets() }},
	{"messages/sent", func(s *Snapshot) uint64 { return s.Sent.packets() }},
	{"publish/dropped", (*Snapshot).dropped},
	{"publish/received", func(s *Snapshot) uint64 { return s.Received.Packets[publish] }},
	{"publish/sent", func(s *Snapshot) uint64 { return s.Sent.Packets[publish] }},
	{"bytes/received", func(s *Snapshot) uint64 { return s.Received.Bytes }},
	{"bytes/sent", func(s *Snapshot) uint64 { return s.Sent.Bytes }},
	{"sockets", func(s *Snapshot) uint64 { return s.Sockets }},
	{"connections", func(s *Snapshot) uint64 { return s.Received.Packets["connect"] }},
}

// figures are the topics that are numbers as they are.
var figures = [...]struct {
	name  string
	value func(*Snapshot) uint64
}{
	{"clients/total", func(s *Snapshot) uint64 { return uint64(s.Sessions) }},
	{"clients/maximum", func(s *Snapshot) uint64 { return uint64(s.ConnectedMaximum) }},
	{"clients/connected", func(s *Snapshot) uint64 { return uint64(s.Connected) }},
	{"clients/active", func(s *Snapshot) uint64 { return uint64(s.Connected) }}, // its former name
	{"clients/disconnected", (*Snapshot).away},
	{"clients/inactive", (*Snapshot).away}, // its former name
	{"clients/expired", func(s *Snapshot) uint64 { return s.SessionsExpired }},
	{"messages/received", func(s *Snapshot) uint64 { return s.Received.packets() }},
	{"messages/sent", func(s *Snapshot) uint64 { return s.Sent.packets() }},
	{"messages/stored", (*Snapshot).stored}, // the former name of store/messages/count
	{"store/messages/count", (*Snapshot).stored},
	{"store/messages/bytes", func(s *Snapshot) uint64 { return uint64(s.QueuedBytes) }},
	{"publish/messages/dropped", (*Snapshot).dropped},
	{"publish/messages/received", func(s *Snapshot) uint64 { return s.Received.Packets[publish] }},
	{"publish/messages/sent", func(s *Snapshot) uint64 { return s.Sent.Packets[publish] }},
	{"publish/bytes/received", func(s *Snapshot) uint64 { return s.Received.PayloadBytes }},
	{"publish/bytes/sent", func(s *Snapshot) uint64 { return s.Sent.PayloadBytes }},
	{"bytes/received", func(s *Snapshot) uint64 { return s.Received.Bytes }},
	{"bytes/sent", func(s *Snapshot) uint64 { return s.Sent.Bytes }},
	{"subscriptions/count", func(s *Snapshot) uint64 { return uint64(s.Subscriptions) }},
	{"shared_subscriptions/count", func(s *Snapshot) uint64 { return uint64(s.SharedSubscriptions) }},
	{"retained messages/count", func(s *Snapshot) uint64 { return uint64(s.Retained) }},
}

// Sample brings the load averages up to date, so long after it was last called.
func (y *Sys) Sample(s *Snapshot, elapsed time.Duration) {
	for i := range loads {
		y.loads[i].sample(loads[i].value(s), elapsed)
	}
	y.readHeap()
}

func (y *Sys) readHeap() {
	read := []runtime.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	runtime.Read(read)
	y.heap = read[0].Value.Uint64()
	y.heapMax = max(y.heapMax, y.heap)
}

// Values are all topics with what they say now, always in the same order.
func (y *Sys) Values(s *Snapshot) (out []SysValue) {
	y.readHeap()
	add := func(name, text string) { out = append(out, SysValue{sysRoot + name, text}) }
	add("version", "dunlin version "+s.Version)
	add("uptime", fmt.Sprintf("%d seconds", int64(s.Uptime.Seconds())))
	for _, f := range figures {
		add(f.name, strconv.FormatUint(f.value(s), 10))
	}
	add("heap/current", strconv.FormatUint(y.heap, 10))
	add("heap/maximum", strconv.FormatUint(y.heapMax, 10))
	for i, l := range loads {
		for k, w := range windows {
			add("load/"+l.name+"/"+w.name, strconv.FormatFloat(y.loads[i].average[k], 'f', 2, 64))
		}
	}
	return out
}

func (t *Traffic) packets() (n uint64) {
	for _, packets := range t.Packets {
		n += packets
	}
	return n
}

// away is how many sessions have no connection. The two numbers are not of the same moment.
func (s *Snapshot) away() uint64 { return uint64(max(0, s.Sessions-s.Connected)) }

// stored is how many messages are kept.
func (s *Snapshot) stored() uint64 { return uint64(s.QueuedMessages + s.Retained) }

func (s *Snapshot) dropped() (n uint64) {
	for _, messages := range s.Dropped {
		n += messages
	}
	return n
}
