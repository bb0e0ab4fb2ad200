package session

import (
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/traffic"
)

// Policy is what happens when a queue is full.
type Policy byte

// The policies.
const (
	DropOldest Policy = iota // the oldest waiting message goes
	DropNewest               // the new message is dropped
	Refuse                   // nobody gets the new message, and its publisher is told
)

// Limits bound what sessions may hold, and count what they hold and drop together. They are shared
// by all sessions; nothing but Held, Drops and Sent changes.
type Limits struct {
	MaxInflight    int   // QoS 1 and 2 messages sent to a session and not yet acknowledged
	MaxQueued      int   // QoS 1 and 2 messages waiting for a session
	MaxQueuedBytes int64 // their size
	MaxHeldBytes   int64 // the size of what waits for all sessions; 0: no bound
	Policy         Policy
	MaxOutbound    int // bytes waiting for a session's socket

	Held  Held
	Drops Drops
	Sent  traffic.Counter // to all clients; what callers write themselves they count in themselves
}

// Held is what waits for all sessions.
type Held struct {
	Messages, Bytes atomic.Int64
}

// Add adds messages of so many bytes, or takes them away.
func (h *Held) Add(messages int, bytes int64) {
	h.Messages.Add(int64(messages))
	h.Bytes.Add(bytes)
}

// Drops counts messages that sessions did not get.
type Drops struct {
	QueueFull, OutboxFull, Expired, TooLarge, Refused atomic.Uint64
	// NoMember: no member of a shared subscription could take the message.
	NoMember atomic.Uint64
}

// Exceeded says whether a session with so many messages waiting, of so many bytes, has too much, when
// held bytes wait in all.
func (l *Limits) Exceeded(messages int, bytes, held int64) bool {
	return messages > l.MaxQueued || bytes > l.MaxQueuedBytes || l.MaxHeldBytes > 0 && held > l.MaxHeldBytes
}
