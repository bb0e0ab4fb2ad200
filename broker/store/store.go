package store

import (
	"context"
	"errors"
)

// ErrClosed is the error of everything asked of a store after Close.
var ErrClosed = errors.New("the store is closed")

// Store keeps the durable state of one node. Any number of goroutines may use it at the same time.
//
// Callbacks (done, here and in Part) are called exactly once, one at a time and in the order of the
// calls they belong to: all of a store's on disk, those of one partition in memory. They must not block and must not
// call the store, and whoever asks for one must not hold a lock that it takes: it may come before the call returns.
//
// An error means that the outcome is unknown: what was to be written may or may not be there after the next Open.
type Store interface {
	// Acquire makes the caller the one writer of partition part, in [0, Partitions), until Close. It blocks while
	// another node has it, and fails if this process has acquired it before.
	Acquire(ctx context.Context, part int) (Part, error)

	// Retain makes rec the retained record of topic, or clears it if rec is nil; an empty rec is a record. The store
	// owns rec from now on. Retained finds it at once; done, which may be nil, is called when it is durable. After an
	// error Retained goes on finding it until the store is closed.
	Retain(topic string, rec []byte, done func(error))

	// Retained appends to dst the next records whose topics filter matches, at most limit of them (at least 1), and
	// returns it. after is the cursor: the last topic of the call before, or "" to begin; last says that there
	// are no more. Calls may be any time apart; a topic that is there all the while comes exactly once. Records are
	// shared: nobody changes them. MQTT 5 §3.3.1.3.
	Retained(filter, after string, limit int, dst []Retained) (out []Retained, last bool, err error)

	// RetainedCount is the number of topics with a retained record.
	RetainedCount() int

	// Health is nil, or why the last write failed. It is nil again as soon as one succeeds: who stops writing because of
	// it may wait for ever.
	Health() error

	// Close waits until all that was asked for is durable and its callbacks have returned, and gives up the partitions.
	// The error is that of Health, or of closing. A second Close does nothing.
	Close() error
}

// Part is a partition in the hands of its one writer.
type Part interface {
	// Append puts rec at the end of the log and does not keep it. done, which may be nil, is called when the record is
	// durable, with its sequence number: the first record of a partition is 1, each that follows one more, also when
	// appends in between have failed. Append blocks while too much waits for the disk.
	Append(rec []byte, done func(seq uint64, err error))

	// Read calls fn for the records from sequence number from on, in order: those that are there and durable when it is
	// called. It begins at the oldest if from was trimmed, or is 0. rec is only valid during fn. An error of fn ends it and
	// is returned as it is. No lock is held while fn runs. A record that is damaged is an error that names it.
	Read(ctx context.Context, from uint64, fn func(seq uint64, rec []byte) error) error

	// TrimTo lets go of the records below seq, at some time: until then Read may yield them still. It does not wait. What
	// is past the end of the log is not there to be trimmed: numbering goes on as ever.
	TrimTo(seq uint64) error

	// Checkpoint changes the checkpoint's pairs by kvs and says that it stands for all records below at, both or neither.
	// at must neither fall back nor pass the record that was appended last by more than one. The store owns kvs and their
	// values from now on. done, which may be nil, is called when it is durable.
	Checkpoint(kvs []KV, at uint64, done func(error))

	// Load calls fn for every pair of the checkpoint, in the order of the keys, and returns what the last Checkpoint said
	// of at; 0: there was none. A Value is only valid during fn. An error of fn ends it and is returned as it is. No
	// Checkpoint may be under way.
	Load(ctx context.Context, fn func(KV) error) (at uint64, err error)
}

// KV is a pair of a checkpoint. A nil Value deletes; an empty one is a value.
type KV struct {
	Key   string
	Value []byte
}

// Retained is a topic's retained record.
type Retained struct {
	Topic  string
	Record []byte
}
