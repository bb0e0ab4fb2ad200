package disk

import (
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// maxFilling is how many bytes may wait for the committer before those who ask for more have to wait too.
const maxFilling = 8 << 20

// kind is what is asked of the committer.
type kind byte

const (
	appendRecord kind = iota
	trim
	checkpoint
	retain
)

// request is something that is asked of the committer.
type request struct {
	kind    kind
	part    *part  // nil: of a retained record
	seq     uint64 // trim: the oldest to keep; checkpoint: what it covers; append: the number that the committer gave
	key     string // retain: the topic
	rec     []byte // append, retain; nil: clear
	kvs     []store.KV
	numbers func(uint64, error) // done of an append
	done    func(error)         // done of the others
	err     error               // why it failed
}

// finish calls the callback, if there is one.
func (r *request) finish() {
	switch {
	case r.numbers != nil && r.err != nil:
		r.numbers(0, r.err)
	case r.numbers != nil:
		r.numbers(r.seq, nil)
	case r.done != nil:
		r.done(r.err)
	}
}

// size is what the request counts against maxFilling, in bytes.
func (r *request) size() int { return 64 + len(r.key) + len(r.rec) + store.KVSize(r.kvs) }

// filling is a batch of requests in the order in which they came.
type filling struct {
	requests []request
	records  []byte // the copies of appended records
	size     int
}

func (f *filling) reset() {
	clear(f.requests)
	f.requests, f.records, f.size = f.requests[:0], f.records[:0], 0
	if cap(f.records) > maxFilling {
		f.records = nil
	}
}

// queue is what waits for the committer. Its lock is a leaf, held for moments.
type queue struct {
	mu   sync.Mutex
	work sync.Cond // there is something to commit, or the queue is closed
	room sync.Cond // there is room again, or the queue is closed
	filling
	closed bool
}

func (q *queue) init() { q.work.L, q.room.L = &q.mu, &q.mu }

// add puts r in the batch that is being filled, and then calls with, which may be nil, in the order of the batch. It copies the
// record of an append. It blocks while the batch is full, and fails if r is too large or the queue is closed.
func (q *queue) add(r request, with func()) error {
	size := r.size()
	if err := store.CheckSize(len(r.rec) + store.KVSize(r.kvs)); err != nil {
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
	if r.kind == appendRecord {
		at := len(q.records)
		q.records = append(q.records, r.rec...)
		r.rec = q.records[at:len(q.records):len(q.records)]
	}
	q.requests = append(q.requests, r)
	q.size += size
	if with != nil {
		with()
	}
	if len(q.requests) == 1 {
		q.work.Signal()
	}
	return nil
}

// take exchanges the batch that was filled for an empty one. It waits until there is something in it; false: the queue is
// closed and nothing is left.
func (q *queue) take(empty filling) (filling, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.requests) == 0 && !q.closed {
		q.work.Wait()
	}
	full := q.filling
	q.filling = empty
	q.room.Broadcast()
	return full, len(full.requests) > 0
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
