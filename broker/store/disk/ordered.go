package disk

import (
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// orderedFS syncs the log before the database makes a table. With Interval the database has in memory what the log has not synced,
// and must not have it on the disk before: after a loss of power the log would lack what came before that.
type orderedFS struct {
	vfs.FS
	log *atomic.Pointer[segment.Log]
}

// Create implements vfs.FS.
func (fs orderedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if log := fs.log.Load(); log != nil && filepath.Ext(name) == ".sst" && log.Dirty() {
		if err := log.Sync(); err != nil {
			return nil, fmt.Errorf("make %s: %w", name, err)
		}
	}
	return fs.FS.Create(name, category)
}

// Unwrap implements vfs.FS.
func (fs orderedFS) Unwrap() vfs.FS { return fs.FS }
