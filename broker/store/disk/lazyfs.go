package disk

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// lazyFS puts off the syncs of Pebble's logs until it is told to make up for them: what Pebble waits for is then in the
// operating system, and on the disk later. A log that is closed is synced.
type lazyFS struct {
	vfs.FS
	mu    sync.Mutex
	dirty map[*lazyFile]struct{} // the logs whose sync was put off
}

// lazyFile is a log.
type lazyFile struct {
	vfs.File
	fs   *lazyFS
	name string
}

// Create implements vfs.FS.
func (fs *lazyFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	return fs.wrap(name, f, err)
}

// ReuseForWrite implements vfs.FS.
func (fs *lazyFS) ReuseForWrite(before, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(before, name, category)
	return fs.wrap(name, f, err)
}

func (fs *lazyFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || filepath.Ext(name) != ".log" {
		return f, err
	}
	return &lazyFile{f, fs, name}, nil
}

// Unwrap implements vfs.FS.
func (fs *lazyFS) Unwrap() vfs.FS { return fs.FS }

// isDirty says whether a sync was put off.
func (fs *lazyFS) isDirty() bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.dirty) > 0
}

// sync makes up for the syncs that were put off.
func (fs *lazyFS) sync() error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for f := range fs.dirty {
		if err := f.File.SyncData(); err != nil {
			return fmt.Errorf("sync %s: %w", f.name, err)
		}
		delete(fs.dirty, f)
	}
	return nil
}

// Sync implements vfs.File.
func (f *lazyFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.dirty == nil {
		f.fs.dirty = make(map[*lazyFile]struct{})
	}
	f.fs.dirty[f] = struct{}{}
	return nil
}

// SyncData implements vfs.File.
func (f *lazyFile) SyncData() error { return f.Sync() }

// Close implements vfs.File.
func (f *lazyFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	var err error
	if _, dirty := f.fs.dirty[f]; dirty {
		err = f.File.SyncData()
		delete(f.fs.dirty, f)
	}
	return errors.Join(err, f.File.Close())
}
