package storetest

import (
	"context"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// Log is partition N of a Store, as tests use it.
type Log struct {
	store.Part
	Store store.Store
	N     int
}

// Acquire acquires partition n of s.
func Acquire(t testing.TB, s store.Store, n int) *Log {
	t.Helper()
	p, err := s.Acquire(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	return &Log{p, s, n}
}

// Append writes rec, which must not change before done, if it is not nil, is called with its number.
func (l *Log) Append(rec []byte, done func(uint64, error)) {
	w := &store.Write{Records: []store.Record{{Part: l.N, Data: rec}}}
	if done != nil {
		w.Done = func(err error) {
			if err != nil {
				done(0, err)
				return
			}
			done(w.Records[0].Seq, nil)
		}
	}
	l.Store.Write(w)
}

// AppendAndWait waits until rec is durable, and returns its number.
func (l *Log) AppendAndWait(rec string) (seq uint64, err error) {
	c := make(chan error, 1)
	l.Append([]byte(rec), func(n uint64, err error) { seq = n; c <- err })
	err = <-c
	return seq, err
}

// Retain writes a retained record.
func Retain(s store.Store, topic string, rec []byte, done func(error)) {
	s.Write(&store.Write{Retain: []store.Retained{{Topic: topic, Record: rec}}, Done: done})
}
