package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
)

// migration changes a database from a format to the next. It may have been done before, in part or wholly: the number of the
// format is raised, and all is synced, after it.
type migration func(*pebble.DB) error

// migrations are those from format 1 to 2, from 2 to 3, and so on.
var migrations = []migration{
	func(*pebble.DB) error { return nil }, // to 2: new records are in the log. Those that the database has stay there
}

// format is the number of the format that s is to have.
func (s *Store) format() int { return 1 + len(s.migrations) }

// storedFormat is the number of the format that db has; 0: it is new. What a newer or another program has written is refused.
func (s *Store) storedFormat(db *pebble.DB) (int, error) {
	value, closer, err := db.Get(formatKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read its format: %w", err)
	}
	defer closer.Close() //nolint:errcheck // it only releases memory
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("its format is %q, which is no number: it is not a store of this program", value)
	}
	if n > s.format() {
		return 0, fmt.Errorf("its format is %d, and this program knows 1 to %d: use the program that wrote it, or a newer one, or restore a backup that an older one has made", n, s.format())
	}
	return n, nil
}

// prepare refuses a database that is not ours, migrates an older one, and marks a new one.
func (s *Store) prepare(db *pebble.DB) error {
	n, err := s.storedFormat(db)
	if err != nil {
		return err
	}
	if n == 0 {
		return s.markNew(db)
	}
	for ; n < s.format(); n++ {
		s.opts.Log.Info("the store is migrated", "path", s.opts.Dir, slog.Int("from", n), slog.Int("to", n+1))
		if err := s.migrations[n-1](db); err != nil {
			return fmt.Errorf("migrate it from format %d to %d: %w", n, n+1, err)
		}
		if err := markFormat(db, n+1); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) markNew(db *pebble.DB) error {
	iter, err := db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("read its format: %w", err)
	}
	used := iter.First()
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return fmt.Errorf("read its format: %w", err)
	}
	if used {
		return errors.New("it holds a Pebble database of another program")
	}
	return markFormat(db, s.format())
}

// markFormat writes the number of the format, and puts all that was written before on the disk.
func markFormat(db *pebble.DB, n int) error {
	err := db.Set(formatKey, strconv.AppendInt(nil, int64(n), 10), pebble.NoSync)
	if err == nil {
		err = db.Flush()
	}
	if err != nil {
		return fmt.Errorf("write its format: %w", err)
	}
	return nil
}
