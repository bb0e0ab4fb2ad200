package store

import (
	"context"
	"errors"

	"github.com/dunlin-mqtt/dunlin/broker/histogram"
)

// The errors that callers tell apart.
var (
	// ErrClosed is the error of everything asked of a store after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrFull is the error of what needs room where none is left.
	ErrFull = errors.New("the store is full")
)

// Store keeps the durable state of one node. Any number of goroutines may use it at the same time.
//
// Callbacks are called exactly once, one at a time and in the order of the calls they belong to. They must not
// block and must not call the store, and whoever asks for one must not hold a lock that it takes: it may come before
// the call returns.
//
// An error means that the outcome is unknown: what was to be written may or may not be there after the next Open.
type Store interface {
	// Acquire makes the caller the one writer of partition part, in [0, Partitions), until Close. It blocks while
	// another node has it, and fails if this process has acquired it before.
	Acquire(ctx context.Context, part int) (Part, error)

	// Write makes everything in w durable, or nothing of it, and then calls w.Done. The store owns w until then. It
	// blocks while too much waits for the disk. Retained finds w's retained records at once; after an error it goes on
	// finding them until the store is closed.
	Write(w *Write)

	// Retained appends to dst the next records whose topics filter matches, at most limit of them (at least 1), and
	// returns it. after is the cursor: the last topic of the call before, or "" to begin; last says that there
	// are no more, and fewer than limit do not. Calls may be any time apart; a topic that is there all the while comes
	// exactly once. It may read the disk. Records are shared: nobody changes them. MQTT 5 §3.3.1.3.
	Retained(filter, after string, limit int, dst []Retained) (out []Retained, last bool, err error)

	// RetainedCount is the number of topics with a retained record.
	RetainedCount() int

	// ExpireRetained clears the retained records that have expired at now (Unix milliseconds), and says when the next
	// one will; 0: none. Nobody need wait for that to be durable: it is done again after a restart.
	ExpireRetained(now int64) (next int64)

	// Health is nil, or why the last write failed. It is nil again as soon as one succeeds, or there is room again: who
	// stops writing because of it may wait for ever.
	Health() error

	// Stats is what the store has done since it was opened.
	Stats() Stats

	// Close waits until all that was asked for is durable and its callbacks have returned, and gives up the partitions.
	// The error is that of Health, or of closing. A second Close does nothing.
	Close() error
}

// Write is what becomes durable together.
type Write struct {
	// Records are appended to logs, in this order.
	Records []Record
	// Retain are retained records to set, or with a nil Record to clear.
	Retain []Retained
	// Frees says that this leads to room being freed, so that it may use what is kept free for that.
	Frees bool
	// Done is called when it is durable, with each record's Seq set; nil: nobody waits.
	Done func(error)
}

// Record is a record of a partition's log. The partition must have been acquired.
type Record struct {
	Part int
	Data []byte
	Seq  uint64 // given by the store: the first of a partition is 1, each that follows one more
}

// Part is a partition in the hands of its one writer.
type Part interface {
	// Read calls fn for the records from sequence number from on, in order: those that are there and durable when it is
	// called. rec is only valid during fn. An error of fn ends it and is returned as it is. No lock is held while fn
	// runs. A record that is damaged, or missing though it was not dropped, is an error that names it.
	Read(ctx context.Context, from uint64, fn func(seq uint64, rec []byte) error) error

	// Fetch calls fn for the records of these sequence numbers, which ascend. i is the position in seqs; rec is only
	// valid during fn. One that is not there is passed over. Otherwise it is like Read.
	Fetch(ctx context.Context, seqs []uint64, fn func(i int, rec []byte) error) error

	// Checkpoint changes the checkpoint's pairs by kvs, says that it stands for all records below at, and drops the
	// records in drop: all or nothing. at must neither fall back nor pass the record that was appended last by more
	// than one. drop ascends and is below at. The store owns kvs, their values and drop from now on. done, which may be
	// nil, is called when it is durable.
	Checkpoint(kvs []KV, at uint64, drop []Range, done func(error))

	// Load calls fn for every pair of the checkpoint, in the order of the keys, and returns what the last Checkpoint said
	// of at; 0: there was none. A Value is only valid during fn. An error of fn ends it and is returned as it is. No
	// Checkpoint may be under way.
	Load(ctx context.Context, fn func(KV) error) (at uint64, err error)
}

// Range is the sequence numbers from From up to, and without, To.
type Range struct{ From, To uint64 }

// KV is a pair of a checkpoint. A nil Value deletes; an empty one is a value.
type KV struct {
	Key   string
	Value []byte
}

// Retained is a topic's retained record.
type Retained struct {
	Topic   string
	Record  []byte
	Expires int64 // Unix milliseconds; 0: never
}

// Stats are counters of a store, for its metrics. A store in memory has only zeros.
type Stats struct {
	Writes    uint64             // that were made durable
	Records   uint64             // in them
	Bytes     uint64             // of them
	DiskBytes uint64             // that the store takes on the disk now
	Syncs     histogram.Snapshot // of the disk: each is waited for by all writes of a batch
	Commits   histogram.Snapshot // from the first write of a batch was asked for until the batch was durable
}
