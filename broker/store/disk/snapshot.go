package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// backup is what was durable at a moment, and how far it has been read.
type backup struct {
	snapshot *pebble.Snapshot
	log      *segment.Log
	parts    [store.Partitions]backupPart

	step int    // 0: the checkpoints; then each partition's records; then the rest
	from []byte // the key to go on with
	seq  uint64 // and the record
}

// backupPart is a partition's records.
type backupPart struct {
	end  uint64
	gone holes // from the log
}

func (b *backup) more() bool { return b.step <= store.Partitions+1 }

// beginBackup returns what is durable now. Until endBackup no file of the log is removed.
func (s *Store) beginBackup() (*backup, error) {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	if s.db == nil {
		return nil, s.notOpen()
	}
	b := &backup{snapshot: s.db.NewSnapshot(), log: s.log}
	for n := range b.parts {
		p := &s.parts[n]
		b.parts[n] = backupPart{end: p.end.Load(), gone: p.gone.clone()}
	}
	if s.backups == nil {
		s.backups = make(map[*backup]struct{})
	}
	s.backups[b] = struct{}{}
	return b, nil
}

// endBackup gives b up, unless it went with the database.
func (s *Store) endBackup(b *backup) {
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	if _, ok := s.backups[b]; ok {
		delete(s.backups, b)
		_ = b.snapshot.Close() // it only tells that it has been closed before
		s.queue.syncDue()      // files of the log may go
	}
}

// backedUp says whether a backup is under way.
func (s *Store) backedUp() bool {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	return len(s.backups) > 0
}

// backupChunk appends the next pairs to chunk, and says how many they are.
func (s *Store) backupChunk(b *backup, chunk *bytes.Buffer) (n int, err error) {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if _, ok := s.backups[b]; !ok {
		return 0, errors.New("the database has been closed meanwhile")
	}
	w := &backupWriter{chunk: chunk}
	switch {
	case b.step == 0:
		err = b.pairs(w, []byte{pairPrefix}, after(pairPrefix))
	case b.step <= store.Partitions:
		err = b.records(w, b.step-1)
	default:
		err = b.pairs(w, []byte{statePrefix}, after(retainedPrefix))
	}
	return w.count, err
}

// pairs writes the pairs of the database from key from up to, and without, to.
func (b *backup) pairs(w *backupWriter, from, to []byte) (err error) {
	if bytes.Compare(b.from, from) > 0 {
		from = b.from
	}
	iter, err := b.snapshot.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		key := iter.Key()
		if w.full() {
			b.from = bytes.Clone(key)
			return nil
		}
		value, err := unseal(key, iter.Value())
		if err != nil {
			return fmt.Errorf("pair %q: %w", key, err)
		}
		if key[0] == statePrefix { // not what it says of the log
			st, err := decodeStored(value)
			if err != nil {
				return fmt.Errorf("pair %q: %w", key, err)
			}
			if value = value[:8]; st.at == 0 {
				continue
			}
		}
		w.add(key, value)
	}
	b.step++
	return iter.Error()
}

// records writes records of partition n, wherever they are, as the database would have them.
func (b *backup) records(w *backupWriter, n int) (err error) {
	p := &b.parts[n]
	iter, err := b.snapshot.NewIter(&pebble.IterOptions{LowerBound: logKey(nil, n, b.seq), UpperBound: logKey(nil, n, p.end)})
	if err != nil {
		return err
	}
	log := b.log.Reader(n)
	defer func() { log.Close(); err = errors.Join(err, iter.Close()) }()
	for iter.First(); ; b.seq++ {
		if w.full() {
			return nil
		}
		other := noRecord
		if iter.Valid() {
			if other, err = logSeq(iter.Key()); err != nil {
				return err
			}
		}
		seq, rec, err := p.gone.nextIn(log, b.seq, min(other, p.end))
		if err != nil {
			return err
		}
		switch {
		case seq < other:
			w.add(logKey(nil, n, seq), rec)
			b.seq = seq
		case iter.Valid():
			if rec, err = unseal(iter.Key(), iter.Value()); err != nil {
				return fmt.Errorf("record %d of partition %d: %w", other, n, err)
			}
			w.add(iter.Key(), rec)
			b.seq = other
			iter.Next()
		default:
			b.step, b.seq = b.step+1, 0
			return iter.Error()
		}
	}
}

// backupWriter fills a chunk with pairs.
type backupWriter struct {
	chunk *bytes.Buffer
	count int
	value []byte
}

func (w *backupWriter) full() bool { return w.chunk.Len() >= backupBuffer }

// add adds a pair; its value is sealed.
func (w *backupWriter) add(key, value []byte) {
	w.value = append(append(w.value[:0], make([]byte, sealSize)...), value...)
	seal(w.value, key, value)
	var sizes [8]byte
	binary.BigEndian.PutUint32(sizes[:], uint32(len(key)))
	binary.BigEndian.PutUint32(sizes[4:], uint32(len(w.value)))
	w.chunk.Write(sizes[:])
	w.chunk.Write(key)
	w.chunk.Write(w.value)
	w.count++
}
