package disk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// A backup is a stream. Integers are big-endian.
//
//	"DUNLINBK" version(4) format(4)   of the backup, and of the store
//	size(4) size(4) key value         a pair, as it is in the store but for that of the format; in the order of the keys
//	0(4) 0(4) count(8)                the end, and how many pairs there were
//	sha256(32)                        of all that comes before it
const (
	backupMagic   = "DUNLINBK"
	backupVersion = 1

	backupBuffer = 256 << 10

	// What no pair exceeds: a topic has 65,535 bytes at most, and a checkpoint's key is of that order.
	maxKeyBytes   = 1 << 20
	maxValueBytes = store.MaxRecordBytes + sealSize + expirySize
)

// Backup writes to w what is durable now, as Stage reads it. Writes go on meanwhile and are not part of it. What it does not
// bound is how slowly w takes it: what is dropped meanwhile keeps its room on the disk until then.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	if err := s.backup(ctx, w); err != nil {
		return fmt.Errorf("back up store %s: %w", s.opts.Dir, err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, w io.Writer) error {
	snapshot, err := s.snapshot()
	if err != nil {
		return err
	}
	defer s.endSnapshot(snapshot)
	sum := sha256.New()
	out := bufio.NewWriterSize(w, backupBuffer)
	both := io.MultiWriter(sum, out)
	header := binary.BigEndian.AppendUint32([]byte(backupMagic), backupVersion)
	if _, err := both.Write(binary.BigEndian.AppendUint32(header, uint32(s.format()))); err != nil {
		return err
	}
	count, chunk := uint64(0), bytes.Buffer{}
	for from := []byte{0}; from != nil; {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk.Reset()
		n := 0
		if n, from, err = s.backupChunk(snapshot, from, &chunk); err != nil {
			return err
		}
		count += uint64(n)
		if _, err := both.Write(chunk.Bytes()); err != nil {
			return err
		}
	}
	if _, err := both.Write(binary.BigEndian.AppendUint64(make([]byte, 8), count)); err != nil {
		return err
	}
	if _, err := out.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return out.Flush()
}

// backupChunk appends the next pairs from key from on to chunk, and says how many they are and where to go on; nil: that was all.
func (s *Store) backupChunk(snapshot *pebble.Snapshot, from []byte, chunk *bytes.Buffer) (n int, next []byte, err error) {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if _, ok := s.snapshots[snapshot]; !ok {
		return 0, nil, errors.New("the database has been closed meanwhile")
	}
	iter, err := snapshot.NewIter(&pebble.IterOptions{LowerBound: from})
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		key, value := iter.Key(), iter.Value()
		if chunk.Len() >= backupBuffer {
			return n, bytes.Clone(key), nil
		}
		if bytes.Equal(key, formatKey) {
			continue
		}
		if _, err := unseal(key, value); err != nil {
			return n, nil, fmt.Errorf("pair %q: %w", key, err)
		}
		var sizes [8]byte
		binary.BigEndian.PutUint32(sizes[:], uint32(len(key)))
		binary.BigEndian.PutUint32(sizes[4:], uint32(len(value)))
		chunk.Write(sizes[:])
		chunk.Write(key)
		chunk.Write(value)
		n++
	}
	return n, nil, iter.Error()
}

// snapshot returns the state of the database now.
func (s *Store) snapshot() (*pebble.Snapshot, error) {
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	if s.db == nil {
		if s.queue.isClosed() {
			return nil, store.ErrClosed
		}
		return nil, fmt.Errorf("it is to be opened again after an error: %w", s.Health())
	}
	snapshot := s.db.NewSnapshot()
	if s.snapshots == nil {
		s.snapshots = make(map[*pebble.Snapshot]struct{})
	}
	s.snapshots[snapshot] = struct{}{}
	return snapshot, nil
}

// endSnapshot gives snapshot up, unless it went with the database.
func (s *Store) endSnapshot(snapshot *pebble.Snapshot) {
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	if _, ok := s.snapshots[snapshot]; ok {
		delete(s.snapshots, snapshot)
		_ = snapshot.Close() // it only tells that it has been closed before
	}
}

// closePebble closes the database, and what has been opened of it. dbMu is held.
func (s *Store) closePebble() (err error) {
	for snapshot := range s.snapshots {
		err = errors.Join(err, snapshot.Close())
	}
	s.snapshots = nil
	err = errors.Join(err, s.db.Close())
	s.db = nil
	return err
}
