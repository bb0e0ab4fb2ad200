package disk

import (
	"context"
	"io"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// OpenMigrating is OpenWith with more migrations.
func OpenMigrating(o Options, steps ...func(*pebble.DB) error) (store.Store, error) {
	migrations := slices.Clone(migrations)
	for _, step := range steps {
		migrations = append(migrations, step)
	}
	s, err := openWith(o, migrations)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// StageWith is Stage on another file system.
func StageWith(ctx context.Context, fs vfs.FS, dir string, r io.Reader) error {
	return stageWith(ctx, fs, dir, r, formatNow)
}

// Ordered is the file system that the database has with Interval and a log.
func Ordered(fs vfs.FS, log *segment.Log) vfs.FS {
	fs = orderedFS{fs, new(atomic.Pointer[segment.Log])}
	fs.(orderedFS).log.Store(log)
	return fs
}

// Chunks is how many chunks of holes are kept of a partition's log, in memory and in the database.
func Chunks(s store.Store, part int) (held, stored int, err error) {
	disk := s.(*Store)
	err = disk.withDB(func(db *pebble.DB) error {
		var there holes
		err := readHoles(db, part, &there)
		stored = len(there.chunks)
		return err
	})
	return len(disk.parts[part].gone.chunks), stored, err
}
