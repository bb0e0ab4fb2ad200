package server

import (
	"errors"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// ackQueue keeps the acknowledgements of a connection's PUBLISHes in the order in which the
// PUBLISHes came, though some wait for the disk. [MQTT-4.6.0-2] [MQTT-4.6.0-3]
type ackQueue struct {
	mu      sync.Mutex
	waiting []*pendingAck
	ended   bool // one that can only be refused by ending the connection was: no other is sent before the client is back
}

// pendingAck is an acknowledgement that is not sent yet.
type pendingAck struct {
	ack
	left     int           // parts of the work that are not done
	unproven bool          // whether its message is stored is not known
	read     time.Duration // when its PUBLISH was, since the server was made; 0: it is not timed
}

// add appends an acknowledgement.
func (q *ackQueue) add(a *pendingAck) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, a)
}

// more counts one more part of work that a waits for.
func (q *ackQueue) more(a *pendingAck) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a.left++
}

// empty says whether an acknowledgement may overtake nothing.
func (q *ackQueue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) == 0 && !q.ended
}

// done notes how a part of a's work went and returns the acknowledgements that may go now. mu is held.
func (q *ackQueue) done(a *pendingAck, err error, dst []*pendingAck) []*pendingAck {
	a.left--
	if err != nil {
		a.refuse(packet.QuotaExceeded, whyNotStored)
		a.unproven = a.unproven || !errors.Is(err, store.ErrFull) // a full store has not begun to write
	}
	n := 0
	for !q.ended && n < len(q.waiting) && q.waiting[n].left <= 0 {
		n++
	}
	dst = append(dst, q.waiting[:n]...)
	clear(q.waiting[:n])
	q.waiting = q.waiting[n:]
	if len(q.waiting) == 0 {
		q.waiting = nil
	}
	return dst
}
