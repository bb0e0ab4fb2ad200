package disk

import (
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// maxFilling is how many bytes may wait for the committer before those who ask for more have to wait too.
const maxFilling = 8 << 20

// request is something that is asked of the committer: one of write and checkpoint.
type request struct {
	write      *store.Write
	checkpoint *checkpoint
	version    uint64 // of the first retained record of write; the others have the next
	err        error  // why it failed
}

// checkpoint is what Part.Checkpoint was called with.
type checkpoint struct {
	part *part
	kvs  []store.KV
	at   uint64
	drop []store.Range
	done func(error)
}

// finish calls the callback, if there is one. What was asked for belongs to its asker then.
func (r *request) finish() {
	done := func(error) {}
	switch {
	case r.write != nil && r.write.Done != nil:
		done = r.write.Done
	case r.checkpoint != nil && r.checkpoint.done != nil:
		done = r.checkpoint.done
	}
	done(r.err)
}

// size is the number of bytes that r has.
func (r *request) size() int {
	if r.write != nil {
		return r.write.Size()
	}
	return store.KVSize(r.checkpoint.kvs)
}

// requestSize is what a request counts against maxFilling whatever it has, in bytes.
const requestSize = 64

// filling is a batch of requests in the order in which they came.
type filling struct {
	requests []request
	size     int
	begun    time.Time // when the first was asked for
}

func (f *filling) reset() {
	clear(f.requests)
	f.requests, f.size = f.requests[:0], 0
}

// queue is what waits for the committer. Its lock is a leaf but for the retained index, held for moments.
type queue struct {
	mu   sync.Mutex
	work sync.Cond // there is something to commit, or the queue is closed
	room sync.Cond // there is room again, or the queue is closed
	filling
	due    bool // there is something to sync
	closed bool
}

func (q *queue) init() { q.work.L, q.room.L = &q.mu, &q.mu }

// add puts r in the batch that is being filled, and calls with, which may be nil, in the order of the batch. It blocks while
// the batch is full, and fails if r is too large or the queue is closed.
func (q *queue) add(r request, with func(*request)) error {
	size := r.size()
	if err := store.CheckSize(size); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.size >= maxFilling && !q.closed {
		q.room.Wait()
	}
	if q.closed {
		return store.ErrClosed
	}
	if with != nil {
		with(&r)
	}
	q.requests = append(q.requests, r)
	q.size += requestSize + size
	if len(q.requests) == 1 {
		q.begun = time.Now()
		q.work.Signal()
	}
	return nil
}

// take exchanges the batch that was filled for an empty one. It waits until there is something in it or a sync is due;
// more is false when the queue is closed and nothing is left.
func (q *queue) take(empty filling) (full filling, due, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.requests) == 0 && !q.closed && !q.due {
		q.work.Wait()
	}
	full, due = q.filling, q.due
	q.filling, q.due = empty, false
	q.room.Broadcast()
	return full, due, due || len(full.requests) > 0
}

// syncDue says that a sync is due.
func (q *queue) syncDue() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.due = true
	q.work.Signal()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.work.Broadcast()
	q.room.Broadcast()
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}
