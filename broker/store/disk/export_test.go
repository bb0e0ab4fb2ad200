package disk

import (
	"context"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// OpenMigrating is OpenWith with other migrations.
func OpenMigrating(o Options, steps ...func(*pebble.DB) error) (store.Store, error) {
	var migrations []migration
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

// Tables writes out what is in memory, and returns the first and the last key of every table.
func Tables(s store.Store) (keys [][2][]byte, err error) {
	db := s.(*Store).db
	if err := db.Flush(); err != nil {
		return nil, err
	}
	levels, err := db.SSTables()
	for _, level := range levels {
		for _, table := range level {
			keys = append(keys, [2][]byte{table.Smallest.UserKey, table.Largest.UserKey})
		}
	}
	return keys, err
}
