package session

import "github.com/dunlin-mqtt/dunlin/broker/packet"

// Figures are what a session is like at one moment, for people.
type Figures struct {
	Inflight       int // messages sent and not fully acknowledged, or that were when the client left
	Queued         int // messages that wait in memory
	QueuedBytes    int64
	OutboxBytes    int            // that its socket has not taken
	Version        packet.Version // 0: not known
	ReceiveMaximum uint16
	MaxPacketSize  uint32 // 0: any
	SentMessages   uint64 // PUBLISHes to the client since it connected
	SentBytes      uint64 // handed to its socket since
}

// Figures are what the session is like now.
func (s *Session) Figures() Figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := Figures{
		Inflight: s.unacked, Queued: s.queue.len(), QueuedBytes: s.queued, OutboxBytes: s.out.size,
		Version: s.link.Version, ReceiveMaximum: s.link.ReceiveMaximum, MaxPacketSize: s.link.MaxPacketSize,
		SentMessages: s.sentMessages, SentBytes: s.sentBytes,
	}
	if s.window == outside {
		f.Inflight = int(s.left)
	}
	return f
}

// AliasTopic is the topic that a topic alias of what is sent stands for now; "": none.
func (s *Session) AliasTopic(alias uint16) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aliases == nil || alias == 0 || int(alias) > len(s.aliases.slots) {
		return ""
	}
	return s.aliases.slots[alias-1].topic
}
