package disk

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

const (
	cacheSize    = 8 << 20  // bytes of blocks read from the database's files
	memTableSize = 8 << 20  // bytes of a table that is being filled; there may be two
	segmentSize  = 32 << 20 // bytes of a file of the log, about
	// compactAt is how many overlapping tables there are before they are merged: most of what they hold is
	// dropped soon.
	compactAt = 8
	openFiles = 256

	pebbleFormat = pebble.FormatTableFormatV6 // pinned: raising it is one-way

	// reserve is how much of the disk is left free for drops and compactions, in bytes, where Options say nothing.
	reserve = 64 << 20

	interval       = 100 * time.Millisecond
	moveAfter      = 5 * time.Second
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
	// FileBytes is about how large a file of the log gets; 0: 32 MiB, or less with small MaxBytes.
	FileBytes int64
	// MoveAfter is how long a file of the log of which little is needed has to be like that before that is moved, so that the
	// file can go: what is needed of a queue that is being read goes by itself. 0: 5 s.
	MoveAfter time.Duration
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
	if o.MoveAfter <= 0 {
		o.MoveAfter = moveAfter
	}
	if o.RetainedMemoryBytes == 0 {
		o.RetainedMemoryBytes = retainedMemory
	}
	s, err := open(o, migrations)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", o.Dir, err)
	}
	s.report(s.room().full)
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
	s.queue.init()
	s.maxBytes.Store(o.MaxBytes)
	s.fs = manifestFS{o.FS}
	if o.Sync == Interval {
		s.fs = orderedFS{s.fs, &s.unsynced}
	}
	for n := range s.parts {
		s.parts[n].store, s.parts[n].n = s, n
	}
	if err = s.openData(); err == nil {
		if err = s.loadRetained(); err == nil {
			return s, nil
		}
		err = errors.Join(err, s.closeAll())
	}
	return nil, errors.Join(s.explain(err), lock.Close())
}

// openData puts in place what was staged, makes the folder of the database if it is not there, and opens it.
func (s *Store) openData() error {
	if err := swap(s.fs, s.opts.Dir); err != nil {
		return err
	}
	if err := makeDir(s.fs, s.dataDir()); err != nil {
		return err
	}
	if err := s.probe(); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return s.openAll()
}

// openAll opens the log and the database.
func (s *Store) openAll() error {
	log, err := s.openLog()
	if err != nil {
		return err
	}
	db, err := s.openDBWith(log)
	if err != nil {
		err = errors.Join(err, log.Close())
		s.cut = log.Cut()
		return err
	}
	s.health.set(&s.health.background, nil) // that was another database's
	s.cut = nil
	s.tidying.flushed.Store(true)
	s.tidying.flushing.Store(false)
	s.unsynced.Store(log)
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	s.db, s.log = db, log
	return nil
}

// openDBWith begins the log, opens the database, which gets what the log has and it does not, and loads the partitions.
func (s *Store) openDBWith(log *segment.Log) (*pebble.DB, error) {
	if err := log.Begin(); err != nil {
		return nil, err
	}
	db, err := s.openDB()
	if err != nil {
		return nil, err
	}
	s.number, err = replay(db, log)
	for n := 0; n < len(s.parts) && err == nil; n++ {
		err = s.parts[n].load(db, log)
	}
	if err == nil && s.number == 0 {
		err = s.startLog(db, log)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// reopen opens all if an error has closed it.
func (s *Store) reopen() error {
	if s.db != nil {
		return nil
	}
	if err := s.openAll(); err != nil {
		return fmt.Errorf("open it again: %w", s.explain(err))
	}
	return nil
}

// closeAll closes log and database, which keep what they have for openAll, and ends what has been opened of them.
func (s *Store) closeAll() error {
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	if s.db == nil {
		return nil
	}
	err := s.log.Close()
	s.cut = s.log.Cut()
	for b := range s.backups {
		err = errors.Join(err, b.snapshot.Close())
	}
	s.backups = nil
	err = errors.Join(err, s.db.Close())
	s.unsynced.Store(nil)
	s.db, s.log = nil, nil
	return err
}

func (s *Store) openLog() (*segment.Log, error) {
	return segment.Open(segment.Options{FS: s.opts.FS, Dir: s.dataDir(), Bytes: s.segmentBytes(), Cut: s.cut})
}

// replay applies to db what the log has and it does not, and returns the number of the last pairs.
func replay(db *pebble.DB, log *segment.Log) (number uint64, err error) {
	if number, err = readApplied(db, false); err != nil {
		return 0, err
	}
	err = log.Pairs(number, func(n uint64, data []byte) error {
		if n != number+1 {
			return fmt.Errorf("the log has no pairs of number %d: %w", number+1, errLost)
		}
		b := db.NewBatch()
		if err := b.SetRepr(bytes.Clone(data)); err != nil {
			return err
		}
		number = n
		return errors.Join(db.Apply(b, pebble.NoSync), b.Close())
	})
	return number, err
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
		DisableWAL:                 true, // the log is that
	}
	return o
}

// memTable is the size of a table that is being filled: small in a small store.
func (s *Store) memTable() uint64 { return s.share(memTableSize) }

// segmentBytes is about the size of a file of the log.
func (s *Store) segmentBytes() int64 {
	if s.opts.FileBytes > 0 {
		return s.opts.FileBytes
	}
	return int64(s.share(segmentSize))
}

// share is most, or less in a small store.
func (s *Store) share(most uint64) uint64 {
	if s.opts.MaxBytes == 0 {
		return most
	}
	return min(most, max(s.opts.MaxBytes/16, most/64))
}
