package disk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// Stage makes a database of the backup that r has, beside the store in folder dir, which may be open: the next Open of dir
// takes it in place of the former one. When Stage returns nil, that is durable; a backup that was staged before is forgotten. One
// that is damaged, cut off or of a newer program is refused, and nothing is changed.
func Stage(ctx context.Context, dir string, r io.Reader) error {
	return stageWith(ctx, vfs.Default, dir, r, formatNow)
}

func stageWith(ctx context.Context, fs vfs.FS, dir string, r io.Reader, newest int) error {
	err := makeDir(fs, fs.PathJoin(dir, stagingName))
	if err == nil {
		err = stageLocked(ctx, manifestFS{fs}, dir, r, newest)
	}
	if err != nil {
		return fmt.Errorf("stage backup for store %s: %w", dir, err)
	}
	return nil
}

func stageLocked(ctx context.Context, fs vfs.FS, dir string, r io.Reader, newest int) (err error) {
	lock, err := pebble.LockDirectory(fs.PathJoin(dir, stagingName), fs)
	if err != nil {
		return fmt.Errorf("lock it: is another backup being staged? %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	partial := fs.PathJoin(dir, partialName)
	if err := fs.RemoveAll(partial); err != nil {
		return fmt.Errorf("remove %s: %w", partial, err)
	}
	if err := makeDir(fs, partial); err != nil {
		return err
	}
	if err := stageDatabase(ctx, fs, partial, r, newest); err != nil {
		return errors.Join(err, fs.RemoveAll(partial))
	}
	former, err := numbered(fs, dir, stagedPrefix)
	if err != nil {
		return err
	}
	next := 1
	if len(former) > 0 {
		next = former[len(former)-1] + 1
	}
	if err := errors.Join(syncDir(fs, partial), fs.Rename(partial, numberedPath(fs, dir, stagedPrefix, next)), syncDir(fs, dir)); err != nil {
		return err
	}
	return removeNumbered(fs, dir, stagedPrefix, former)
}

// stageDatabase makes a database in folder dir of what r has.
func stageDatabase(ctx context.Context, fs vfs.FS, dir string, r io.Reader, newest int) (err error) {
	in := &backupReader{r: bufio.NewReaderSize(r, backupBuffer), sum: sha256.New()}
	storeFormat, err := in.header(newest)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	db, err := pebble.Open(dir, &pebble.Options{
		FS: fs, Logger: logger{slog.New(slog.DiscardHandler), dir}, DisableWAL: true, CacheSize: 1 << 20, MemTableSize: memTableSize,
		FormatMajorVersion: pebbleFormat,
		EventListener: &pebble.EventListener{BackgroundError: func(err error) {
			select {
			case failed <- err:
			default:
			}
		}},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := copyPairs(ctx, fs, dir, db, in, failed); err != nil {
		return err
	}
	if err := db.Set(formatKey, strconv.AppendInt(nil, int64(storeFormat), 10), pebble.NoSync); err != nil {
		return err
	}
	flushed, err := db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
		return nil
	case err := <-failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// copyPairs writes the pairs of in to db, and checks them and what comes behind.
func copyPairs(ctx context.Context, fs vfs.FS, dir string, db *pebble.DB, in *backupReader, failed <-chan error) error {
	copied := backupBuffer
	for {
		if copied >= backupBuffer {
			copied = 0
			if err := stageable(ctx, fs, dir, failed); err != nil {
				return err
			}
		}
		key, value, err := in.pair()
		if err != nil {
			return err
		}
		if key == nil {
			return in.trailer()
		}
		if _, err := unseal(key, value); err != nil {
			return fmt.Errorf("pair %d, %q: %w", in.count, key, err)
		}
		if err := db.Set(key, value, pebble.NoSync); err != nil {
			return err
		}
		copied += len(key) + len(value)
	}
}

// stageable is why staging cannot go on. A disk must not become full: Pebble would wait for room.
func stageable(ctx context.Context, fs vfs.FS, dir string, failed <-chan error) error {
	select {
	case err := <-failed:
		return err
	default:
	}
	if disk, err := fs.GetDiskUsage(dir); err == nil && disk.AvailBytes < min(reserve, disk.TotalBytes/10) {
		return fmt.Errorf("%w: %d bytes of the disk are free", store.ErrFull, disk.AvailBytes)
	}
	return ctx.Err()
}

// backupReader reads a backup.
type backupReader struct {
	r     io.Reader
	sum   hash.Hash
	count uint64
	last  []byte // the key of the pair before
	buf   bytes.Buffer
}

// read fills b. What ends before is cut off.
func (in *backupReader) read(b []byte) error {
	if _, err := io.ReadFull(in.r, b); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the backup is cut off after %d pairs", in.count)
	} else if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	in.sum.Write(b)
	return nil
}

// header returns the format of the store that was backed up.
func (in *backupReader) header(newest int) (storeFormat int, err error) {
	var b [len(backupMagic) + 8]byte
	if err := in.read(b[:]); err != nil {
		return 0, err
	}
	version, f := binary.BigEndian.Uint32(b[len(backupMagic):]), binary.BigEndian.Uint32(b[len(backupMagic)+4:])
	switch {
	case string(b[:len(backupMagic)]) != backupMagic:
		return 0, errors.New("it is no backup of this program")
	case version != backupVersion:
		return 0, fmt.Errorf("it is a backup of version %d, and this program knows only %d: use a newer one", version, backupVersion)
	case f < 1 || f > uint32(newest):
		return 0, fmt.Errorf("it is a backup of a store of format %d, and this program knows 1 to %d: use a newer one", f, newest)
	}
	return int(f), nil
}

// pair returns the next pair, valid until the next call; a nil key: there are no more.
func (in *backupReader) pair() (key, value []byte, err error) {
	var b [8]byte
	if err := in.read(b[:]); err != nil {
		return nil, nil, err
	}
	keySize, valueSize := binary.BigEndian.Uint32(b[:]), binary.BigEndian.Uint32(b[4:])
	if keySize == 0 && valueSize == 0 {
		return nil, nil, nil
	}
	if keySize == 0 || keySize > maxKeyBytes || valueSize > maxValueBytes {
		return nil, nil, fmt.Errorf("the backup is damaged: pair %d has %d and %d bytes", in.count+1, keySize, valueSize)
	}
	in.buf.Reset()
	size := int64(keySize) + int64(valueSize)
	if n, err := io.CopyN(io.MultiWriter(&in.buf, in.sum), in.r, size); n < size && errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("the backup is cut off after %d pairs", in.count)
	} else if err != nil {
		return nil, nil, fmt.Errorf("read the backup: %w", err)
	}
	key, value = in.buf.Bytes()[:keySize], in.buf.Bytes()[keySize:]
	if bytes.Compare(key, in.last) <= 0 || bytes.Equal(key, formatKey) {
		return nil, nil, fmt.Errorf("the backup is damaged: key %q comes after %q", key, in.last)
	}
	in.last = append(in.last[:0], key...)
	in.count++
	return key, value, nil
}

// trailer checks what comes behind the pairs.
func (in *backupReader) trailer() error {
	var b [8]byte
	if err := in.read(b[:]); err != nil {
		return err
	}
	if n := binary.BigEndian.Uint64(b[:]); n != in.count {
		return fmt.Errorf("the backup is damaged: it has %d pairs and says that it has %d", in.count, n)
	}
	want := in.sum.Sum(nil)
	got := make([]byte, len(want))
	if err := in.read(got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("the backup is damaged: its SHA-256 is wrong")
	}
	if n, err := io.ReadFull(in.r, b[:1]); n != 0 || !errors.Is(err, io.EOF) {
		return errors.New("the backup is damaged: something comes after its end")
	}
	return nil
}
