package disk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// A backup is a stream. Integers are big-endian.
//
//	"DUNLINBK" version(4) format(4)   of the backup, and of the store
//	size(4) size(4) key value         a pair: those of the database that are about no log, and all records as if they were there; in the order of the keys
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
	from, err := s.beginBackup()
	if err != nil {
		return err
	}
	defer s.endBackup(from)
	sum := sha256.New()
	out := bufio.NewWriterSize(w, backupBuffer)
	both := io.MultiWriter(sum, out)
	header := binary.BigEndian.AppendUint32([]byte(backupMagic), backupVersion)
	if _, err := both.Write(binary.BigEndian.AppendUint32(header, uint32(s.format()))); err != nil {
		return err
	}
	count := uint64(0)
	chunk := bytes.Buffer{}
	for from.more() {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk.Reset()
		n, err := s.backupChunk(from, &chunk)
		if err != nil {
			return s.explain(err)
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
