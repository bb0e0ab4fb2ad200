package disk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

const (
	cacheSize    = 16 << 20 // bytes of blocks read from files
	memTableSize = 16 << 20 // bytes of a table that is being filled; there may be two
	blockSize    = 32 << 10 // bytes of a block of a file: a queue is read in runs of records
	// compactAt is how many overlapping tables there are before they are merged: most of what they hold is
	// dropped soon.
	compactAt = 8
	openFiles = 256

	pebbleFormat = pebble.FormatTableFormatV6 // pinned: raising it is one-way

	// reserve is how much of the disk is left free for drops and compactions, in bytes, where Options say nothing.
	reserve = 64 << 20

	interval       = 100 * time.Millisecond
	retainedMemory = 64 << 20 // bytes
)

// Options say where a store is, and how it is kept.
type Options struct {
	Dir string       // the folder; it is made if it is not there
	FS  vfs.FS       // nil: the operating system's
	Log *slog.Logger // nil: slog.Default()

	Sync     Sync
	Interval time.Duration // of Interval; 0: 100 ms

	// MaxBytes is how much of the disk the store may take before it refuses what grows; 0: as much as there is.
	MaxBytes uint64
	// ReserveBytes is how much of the disk must be free for what grows, but no more than a tenth of it; 0: 64 MiB.
	ReserveBytes uint64
	// RetainedMemoryBytes is how much of the retained records may be in memory; 0: 64 MiB.
	RetainedMemoryBytes int
}

// Sync is when what was written is durable.
type Sync byte

// The values of Sync.
const (
	Always   Sync = iota // Done is called when it is on the disk
	Interval             // Done is called when the operating system has it, and it is on the disk within Options.Interval
)

// Open opens the store in folder dir, and makes it if it is not there. A folder that another process has open,
// or that a newer program has written, is refused.
func Open(dir string, log *slog.Logger) (store.Store, error) {
	return OpenWith(Options{Dir: dir, Log: log})
}

// OpenWith opens the store that o tells of, like Open.
func OpenWith(o Options) (store.Store, error) {
	s, err := openWith(o, migrations)
	if err != nil {
		return nil, err // not a nil *Store
	}
	return s, nil
}

func openWith(o Options, migrations []migration) (*Store, error) {
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
	if o.Interval <= 0 {
		o.Interval = interval
	}
	if o.RetainedMemoryBytes == 0 {
		o.RetainedMemoryBytes = retainedMemory
	}
	s, err := open(o, migrations)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", o.Dir, err)
	}
	go s.commitAll()
	return s, nil
}

func open(o Options, migrations []migration) (*Store, error) {
	if err := makeDir(o.FS, o.Dir); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(o.Dir, o.FS)
	if err != nil {
		return nil, fmt.Errorf("lock it: is another broker using it? %w", err)
	}
	s := &Store{opts: o, migrations: migrations, lock: lock, ended: make(chan struct{})}
	s.stop, s.cancel = context.WithCancel(context.Background())
	s.queue.init()
	s.fs = manifestFS{o.FS}
	if o.Sync == Interval {
		s.lazy = &lazyFS{FS: s.fs}
		s.fs = s.lazy
	}
	if s.db, err = s.openData(); err == nil {
		if err = s.loadRetained(); err == nil {
			return s, nil
		}
		err = errors.Join(err, s.db.Close())
	}
	return nil, errors.Join(s.explain(err), lock.Close())
}

// openData puts in place what was staged, makes the folder of the database if it is not there, and opens it.
func (s *Store) openData() (*pebble.DB, error) {
	if err := swap(s.fs, s.opts.Dir); err != nil {
		return nil, err
	}
	if err := makeDir(s.fs, s.dataDir()); err != nil {
		return nil, err
	}
	if err := s.probe(); err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	return s.openDB()
}

// openDB opens Pebble and checks the format.
func (s *Store) openDB() (*pebble.DB, error) {
	db, err := pebble.Open(s.dataDir(), s.pebbleOptions())
	if err != nil {
		return nil, err
	}
	if err := s.prepare(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// dataDir is the folder of the database: Dir has the lock, and what Stage puts there.
func (s *Store) dataDir() string { return s.opts.FS.PathJoin(s.opts.Dir, dataName) }

func (s *Store) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS:                         s.fs,
		Logger:                     logger{s.opts.Log, s.opts.Dir},
		CacheSize:                  cacheSize,
		MemTableSize:               s.memTable(),
		MaxOpenFiles:               openFiles,
		FormatMajorVersion:         pebbleFormat,
		L0CompactionThreshold:      compactAt,
		L0StopWritesThreshold:      4 * compactAt,
		CompactionConcurrencyRange: func() (lower, upper int) { return 1, 1 },
		EventListener:              s.events(),
	}
	o.Experimental.SpanPolicyFunc = tableSpan
	for i := range o.Levels {
		o.Levels[i].BlockSize = blockSize
	}
	return o
}

// memTable is the size of a table that is being filled, and so of a log: small in a small store.
func (s *Store) memTable() uint64 {
	if s.opts.MaxBytes == 0 {
		return memTableSize
	}
	return min(memTableSize, max(s.opts.MaxBytes/16, memTableSize/64))
}
