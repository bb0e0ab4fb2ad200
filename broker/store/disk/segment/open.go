package segment

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// Open reads what is in the log's folder, and changes nothing but that, with a Cut, it removes what Begin has failed to make. Damage
// is an error that names file and offset.
func Open(o Options) (*Log, error) {
	l := &Log{opts: o}
	numbers, err := list(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	if numbers, err = l.forget(numbers); err != nil {
		return nil, err
	}
	for i, n := range numbers {
		f := &file{number: n, path: pathOf(o.FS, o.Dir, n)}
		there, err := l.readFileHead(f, i == len(numbers)-1)
		if err != nil {
			return nil, err
		}
		if there {
			l.files = append(l.files, f)
		}
	}
	for i, f := range l.files {
		if err := l.load(i, f); err != nil {
			return nil, err
		}
	}
	l.leaveEmpty()
	return l, l.order()
}

// leaveEmpty leaves out the newest file if it has but a head, so that Begin makes it anew: every start, and every error, would add one.
// Until that is on the disk, a loss of power may leave what failed to be written to the file before; nobody was told of that.
func (l *Log) leaveEmpty() {
	n, cut := len(l.files), l.opts.Cut
	if n < 2 || l.files[n-1].end.Load() != headerSize || l.files[n-2].number+1 != l.files[n-1].number || cut != nil && cut.Written > headerSize {
		return
	}
	if l.files = l.files[:n-1]; cut != nil {
		end := l.last().end.Load()
		l.opts.Cut = &Cut{File: l.last().number, Synced: end, Written: end}
	}
}

// forget removes the files above that of the Cut, which have nothing that anybody was told of.
func (l *Log) forget(numbers []uint64) ([]uint64, error) {
	if l.opts.Cut == nil {
		return numbers, nil
	}
	for len(numbers) > 0 && numbers[len(numbers)-1] > l.opts.Cut.File {
		last := len(numbers) - 1
		if err := l.opts.FS.Remove(pathOf(l.opts.FS, l.opts.Dir, numbers[last])); err != nil {
			return nil, fmt.Errorf("remove %s: %w", pathOf(l.opts.FS, l.opts.Dir, numbers[last]), err)
		}
		numbers = numbers[:last]
	}
	return numbers, nil
}

// with calls fn with f's file and its size.
func (l *Log) with(f *file, fn func(r vfs.File, size int64) error) (err error) {
	r, err := l.opts.FS.Open(f.path)
	if err != nil {
		return fmt.Errorf("open %s: %w", f.path, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	info, err := r.Stat()
	if err != nil {
		return fmt.Errorf("stat %s: %w", f.path, err)
	}
	return fn(r, info.Size())
}

// readFileHead reads the head of f; there is false if f is the last, and a crash came before it had one.
func (l *Log) readFileHead(f *file, last bool) (there bool, err error) {
	err = l.with(f, func(r vfs.File, size int64) error {
		err := f.readHead(r, size)
		switch {
		case err == nil:
			there = true
			return nil
		case !isInvalid(err):
			return fmt.Errorf("read %s: %w", f.path, err)
		case !last:
			return damage(f.path, 0, err)
		}
		f.id = anyFile
		synced, serr := f.wasSynced(r, 0, size)
		if serr != nil {
			return fmt.Errorf("read %s: %w", f.path, serr)
		}
		if synced {
			return damage(f.path, 0, err)
		}
		l.torn = Torn{Path: f.path}
		return nil
	})
	return there, err
}

// load reads the index of f, the ith file.
func (l *Log) load(i int, f *file) error {
	return l.with(f, func(r vfs.File, size int64) error {
		if i == len(l.files)-1 {
			return l.loadLast(f, r, size)
		}
		end := size
		next := l.files[i+1]
		loose := int64(0)
		if next.number == f.number+1 {
			end, loose = next.before, next.loose
		}
		if size < end-loose {
			return damage(f.path, size, errEnds)
		}
		if size >= end {
			if ok, err := f.readIndex(r, end); ok || err != nil {
				f.sealed = loose == 0
				return err
			}
		}
		err := l.loadAll(f, r, end-loose)
		f.sealed, f.proven = f.offset > 0, end-loose // the next file would not be there
		return err
	})
}

// loadAll reads all of f, which is not the last.
func (l *Log) loadAll(f *file, r vfs.File, end int64) error {
	reached, at, torn, err := f.scan(r, end)
	if err != nil {
		return err
	}
	if torn != nil {
		return damage(f.path, at, torn)
	}
	f.end.Store(reached)
	return nil
}

// loadLast reads all of the last file.
func (l *Log) loadLast(f *file, r vfs.File, size int64) error {
	if cut := l.opts.Cut; cut != nil {
		if size < cut.Written && size >= cut.Synced {
			return unsynced(f.path, size, errEnds)
		}
		return l.loadAll(f, r, cut.Synced)
	}
	if ok, err := f.readIndex(r, size); ok || err != nil {
		return err
	}
	end, at, torn, err := f.scan(r, size)
	if err != nil {
		return err
	}
	if torn != nil {
		synced, err := f.wasSynced(r, at, size)
		if err != nil {
			return fmt.Errorf("read %s: %w", f.path, err)
		}
		if synced {
			return damage(f.path, at, torn)
		}
		l.torn = Torn{Path: f.path, Offset: end}
	}
	f.end.Store(end)
	return nil
}

// unproven is what a killed process has left in the last file and nobody can tell to be on the disk: a sync that succeeds now does not
// say so, if one has failed before.
func (l *Log) unproven() *Cut {
	last := l.last()
	if last == nil || last.offset > 0 { // an index is written behind what is synced
		return nil
	}
	return &Cut{File: last.number, Synced: last.proven, Written: last.end.Load()}
}

// carry adds to b what was written to the last file and not synced, and forgets that it is there.
func (l *Log) carry(cut *Cut, b *Batch) error {
	if cut == nil || cut.Synced >= cut.Written {
		return nil
	}
	last := l.last()
	if err := l.with(last, func(r vfs.File, _ int64) error {
		var w window
		for at := cut.Synced; at < cut.Written; {
			h, block, err := w.block(r, last.id, at, cut.Written)
			switch {
			case err != nil && isInvalid(err):
				return unsynced(last.path, at, err)
			case err != nil:
				return fmt.Errorf("read %s: %w", last.path, err)
			}
			if h.kind != kindIndex {
				b.copy(h, block)
			}
			at += h.size()
		}
		if last.end.Load() == cut.Synced {
			return nil
		}
		last.index = index{}
		return l.loadAll(last, r, cut.Synced)
	}); err != nil {
		return err
	}
	return l.order()
}

// order gives each file the numbers from which on the next has records of a partition, also where it has none itself, and is an error
// if they do not ascend.
func (l *Log) order() error {
	var next [store.Partitions]uint64
	pairs := uint64(0)
	for _, f := range l.files {
		for n := range f.parts {
			p := &f.parts[n]
			if p.From == p.To {
				p.Range = store.Range{From: next[n], To: next[n]}
			}
			if p.From < next[n] {
				return damage(f.path, 0, fmt.Errorf("it has record %d of partition %d, and a file before it has %d", p.From, n, next[n]-1))
			}
			next[n] = p.To
		}
		if f.pairs.From == f.pairs.To {
			f.pairs = store.Range{From: pairs, To: pairs}
		}
		if f.pairs.From < pairs {
			return damage(f.path, 0, errors.New("its pairs are older than those before it"))
		}
		pairs = f.pairs.To
	}
	return nil
}
