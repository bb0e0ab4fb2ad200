package disk

import (
	"context"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
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
