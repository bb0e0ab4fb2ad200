package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// Options say where a log is, and how it is kept.
type Options struct {
	FS  vfs.FS
	Dir string // it must be there
	// Bytes is about how large a file gets.
	Bytes int64
	// Cut is what the log that was open before has told, after an error; nil: there was none.
	Cut *Cut
}

// Cut is what is known of a log to which a write or sync has failed.
type Cut struct {
	File    uint64 // number of the file that was written to
	Synced  int64  // so many bytes of it are on the disk
	Written int64  // so many have been written and not failed since
}

// Log is a log of records and pairs. One goroutine may write while others read.
type Log struct {
	opts Options
	torn Torn

	mu    sync.RWMutex
	files []*file // ascending; the last one is being written to after Begin

	writing         sync.Mutex // taken before mu; what follows is the writer's
	out             vfs.File   // of the last file; nil: Begin has not been called, or it is closed
	written, synced int64      // bytes of it
	failed          error      // why nothing more can be written
	scratch         []byte
}

// errFailed is the error of writing after an error.
var errFailed = errors.New("the log is to be opened again")

// Torn is what was cut off at the end of the newest file. The zero value: nothing.
type Torn struct {
	Path   string
	Offset int64
}

// Torn is what Open has found to be cut off.
func (l *Log) Torn() Torn { return l.torn }

// Begin makes the file that is written to from now on. It begins with a copy of what may not be on the disk of the file before.
func (l *Log) Begin() error {
	var carried Batch
	cut := l.opts.Cut
	if cut == nil {
		cut = l.unproven()
	}
	if err := l.carry(cut, &carried); err != nil {
		return err
	}
	if err := l.create(&carried); err != nil {
		return err
	}
	l.opts.Cut = nil // what is written from now on it knows nothing of
	return nil
}

func (l *Log) last() *file {
	if len(l.files) == 0 {
		return nil
	}
	return l.files[len(l.files)-1]
}

// nextName is the name of a file that is being made. It gets its own when it is on the disk.
const nextName = "next" + Ext

// create makes a file that begins with a batch, durably.
func (l *Log) create(b *Batch) (err error) {
	f := &file{number: 1}
	if last := l.last(); last != nil {
		f.number, f.before = last.number+1, last.end.Load()
		if last.offset > 0 && !last.sealed {
			f.loose = f.before - last.offset
		}
		for n := range f.parts {
			to := last.parts[n].To
			f.parts[n].Range = store.Range{From: to, To: to}
		}
		f.pairs = store.Range{From: last.pairs.To, To: last.pairs.To}
	}
	for f.id == anyFile {
		f.id = rand.Uint32()
	}
	f.path = pathOf(l.opts.FS, l.opts.Dir, f.number)
	next := l.opts.FS.PathJoin(l.opts.Dir, nextName)
	out, err := l.opts.FS.Create(next, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("make %s: %w", f.path, err)
	}
	data := make([]byte, headerSize, headerSize+b.Len())
	h := header{kind: kindHead, first: uint64(f.before), count: uint32(f.loose), id: f.id}
	h.put(data)
	b.seal(f.id, 0)
	data = append(data, b.buf...)
	size := int64(len(data))
	if _, err = out.Write(data); err == nil {
		if err = out.Sync(); err == nil {
			if err = l.opts.FS.Rename(next, f.path); err == nil {
				err = syncDir(l.opts.FS, l.opts.Dir)
			}
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", f.path, err), out.Close())
	}
	for i := range b.blocks {
		f.add(&b.blocks[i].header, headerSize+int64(b.blocks[i].at))
	}
	f.end.Store(size)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = append(l.files, f)
	l.out, l.written, l.synced = out, size, size
	return nil
}

// Write writes a batch and, if sync, waits until it is on the disk. When it returns nil, readers find it.
func (l *Log) Write(b *Batch, sync bool) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.ready(); err != nil {
		return err
	}
	if l.written >= l.opts.Bytes {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	f, at := l.last(), l.written
	b.seal(f.id, uint32(l.synced))
	if _, err := l.out.Write(b.buf); err != nil {
		return l.fail(fmt.Errorf("write %s: %w", f.path, err))
	}
	if sync {
		if err := l.sync(at + int64(b.Len())); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.blocks {
		f.add(&b.blocks[i].header, at+int64(b.blocks[i].at))
	}
	l.written = at + int64(b.Len())
	f.end.Store(l.written)
	return nil
}

func (l *Log) ready() error {
	switch {
	case l.failed != nil:
		return fmt.Errorf("%w: %w", errFailed, l.failed)
	case l.out == nil:
		return store.ErrClosed
	}
	return nil
}

func (l *Log) fail(err error) error {
	l.failed = err
	return err
}

func (l *Log) sync(size int64) error {
	if err := l.out.SyncData(); err != nil {
		return l.fail(fmt.Errorf("sync %s: %w", l.last().path, err))
	}
	l.synced = size
	return nil
}

// Dirty says whether something was written that is not on the disk, be it that a sync has failed.
func (l *Log) Dirty() bool {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.synced < l.written
}

// syncAll puts on the disk what was written, unless it is there.
func (l *Log) syncAll() error {
	if l.failed != nil || l.synced == l.written {
		return nil
	}
	return l.sync(l.written)
}

// Sync puts on the disk what was written.
func (l *Log) Sync() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.ready(); err != nil {
		return err
	}
	return l.sync(l.written)
}

// Rotate ends the file that is being written to with its index, and makes another.
func (l *Log) Rotate() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.rotate()
}

func (l *Log) rotate() error {
	if err := l.ready(); err != nil {
		return err
	}
	if err := l.syncAll(); err != nil {
		return err
	}
	if err := l.seal(); err != nil {
		return l.fail(err)
	}
	if err := l.out.Close(); err != nil {
		return l.fail(fmt.Errorf("close %s: %w", l.last().path, err))
	}
	l.out = nil
	if err := l.create(new(Batch)); err != nil {
		return l.fail(err)
	}
	return nil
}

// seal ends the file that is being written to, all of which is synced, with its index: that vouches for all that is before it.
func (l *Log) seal() error {
	f := l.last()
	l.scratch = f.appendIndex(l.scratch[:0], l.written, l.written)
	if _, err := l.out.Write(l.scratch); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	if err := l.out.SyncData(); err != nil {
		return fmt.Errorf("sync %s: %w", f.path, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f.offset, f.sealed = l.written, true
	f.end.Store(l.written + int64(len(l.scratch)))
	return nil
}

// Cut is what the next Open is to know; nil unless the log has failed, or has not begun after one that did.
func (l *Log) Cut() *Cut {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.failed == nil || l.last() == nil {
		return l.opts.Cut
	}
	return &Cut{File: l.last().number, Synced: l.synced, Written: l.written}
}

// Close closes the log. What was written and not synced is synced, and the file ended with its index, so that it need not be read when
// the log is opened.
func (l *Log) Close() (err error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.out == nil {
		return nil
	}
	if l.failed == nil {
		if err = l.syncAll(); err == nil && l.written > headerSize {
			_ = l.seal() // without it the file is read
		}
	}
	err = errors.Join(err, l.out.Close())
	l.out = nil
	return err
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("open folder %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}
