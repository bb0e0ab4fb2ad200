package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

const (
	cacheSize    = 16 << 20 // bytes of blocks read from files
	memTableSize = 16 << 20 // bytes of a table that is being filled; there may be two
	openFiles    = 256

	// reserve is how much of the disk is left free for trims and compactions, in bytes, where Options say nothing.
	reserve = 64 << 20
)

// Options say where a store is.
type Options struct {
	Dir string       // the folder; it is made if it is not there
	FS  vfs.FS       // nil: the operating system's
	Log *slog.Logger // nil: slog.Default()

	// ReserveBytes is how much of the disk must be free for anything but trims, but no more than a tenth of it; 0: 64 MiB.
	ReserveBytes uint64
}

// Open opens the store in folder dir, and makes it if it is not there. A folder that another process has open,
// or that a newer program has written, is refused.
func Open(dir string, log *slog.Logger) (store.Store, error) {
	return OpenWith(Options{Dir: dir, Log: log})
}

// OpenWith opens the store that o tells of, like Open.
func OpenWith(o Options) (store.Store, error) {
	if o.Dir == "" {
		return nil, errors.New("open store: no folder is named")
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = reserve
	}
	s, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", o.Dir, err)
	}
	go s.commitAll()
	return s, nil
}

func open(o Options) (*Store, error) {
	if err := makeDir(o.FS, o.Dir); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(o.Dir, o.FS)
	if err != nil {
		return nil, fmt.Errorf("lock it: is another broker using it? %w", err)
	}
	s := &Store{opts: o, lock: lock, ended: make(chan struct{})}
	s.queue.init()
	if s.db, err = s.openDB(); err == nil {
		if err = s.loadRetained(); err == nil {
			return s, nil
		}
		err = errors.Join(err, s.db.Close())
	}
	return nil, errors.Join(err, lock.Close())
}

// makeDir makes dir and its parents, durably, where they are missing.
func makeDir(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil {
		return nil
	}
	parent := fs.PathDir(filepath.Clean(dir))
	if parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}
	return syncDir(fs, parent)
}

// openDB opens Pebble and checks the format.
func (s *Store) openDB() (*pebble.DB, error) {
	db, err := pebble.Open(s.opts.Dir, s.pebbleOptions())
	if err != nil {
		return nil, err
	}
	if err := checkFormat(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (s *Store) pebbleOptions() *pebble.Options {
	return &pebble.Options{
		FS:                         manifestFS{s.opts.FS},
		Lock:                       s.lock,
		Logger:                     logger{s.opts.Log, s.opts.Dir},
		CacheSize:                  cacheSize,
		MemTableSize:               memTableSize,
		MaxOpenFiles:               openFiles,
		FormatMajorVersion:         pebble.FormatTableFormatV6, // pinned: raising it is one-way
		CompactionConcurrencyRange: func() (lower, upper int) { return 1, 1 },
		EventListener:              s.events(),
	}
}

// checkFormat refuses what another format was written in, and marks a new database with ours.
func checkFormat(db *pebble.DB) error {
	value, closer, err := db.Get(formatKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return markFormat(db)
	}
	if err != nil {
		return fmt.Errorf("read its format: %w", err)
	}
	defer closer.Close() //nolint:errcheck // it only releases memory
	n, err := strconv.Atoi(string(value))
	if err != nil {
		return fmt.Errorf("its format is %q, which is no number: it is not a store of this program", value)
	}
	if n != format {
		return fmt.Errorf("its format is %d, and this program knows only %d: use the program that wrote it, or a newer one", n, format)
	}
	return nil
}

func markFormat(db *pebble.DB) error {
	iter, err := db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("read its format: %w", err)
	}
	used := iter.First()
	if err := iter.Close(); err != nil {
		return fmt.Errorf("read its format: %w", err)
	}
	if used {
		return errors.New("it holds a Pebble database of another program")
	}
	if err := db.Set(formatKey, strconv.AppendInt(nil, format, 10), pebble.Sync); err != nil {
		return fmt.Errorf("write its format: %w", err)
	}
	return nil
}
