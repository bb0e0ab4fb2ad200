package segment

import (
	"fmt"
	"sort"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// File is what a file of the log has.
type File struct {
	Number  uint64
	Records uint64
	Live    uint64 // records that have not been released
	Bytes   uint64 // of the records
	// LiveBytes is of those that have not been released, about: of records below 16 KiB each counts alike.
	LiveBytes uint64
	Pairs     uint64 // the number of the last pairs in it or before it; 0: there are none
	// Kept says that it tells where a file ends that is still there, and cannot be removed before that.
	Kept bool
}

// Files are the files of the log, the oldest first, but for the one that is written to.
func (l *Log) Files(dst []File) []File {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i, f := range l.files[:max(len(l.files)-1, 0)] {
		file := File{Number: f.number, Records: f.records, Live: f.live, Pairs: max(f.pairs.To, 1) - 1}
		for n := range f.parts {
			if p := &f.parts[n]; p.From < p.To {
				all, live := p.bytes()
				file.Bytes, file.LiveBytes = file.Bytes+all, file.LiveBytes+live
			}
		}
		file.Kept = i > 0 && !l.files[i-1].sealed && l.files[i-1].number+1 == f.number
		dst = append(dst, file)
	}
	return dst
}

// Len is the number of files, with the one that is written to.
func (l *Log) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.files)
}

// Spent says whether the file that is written to has so many bytes or more, and no record that has not been released.
func (l *Log) Spent(bytes int64) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	f := l.last()
	return f.end.Load() >= bytes && f.live == 0
}

// Size is that of all files, in bytes.
func (l *Log) Size() (bytes uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, f := range l.files {
		bytes += uint64(f.end.Load())
	}
	return bytes
}

// RecordsOf is the numbers of a partition's records in a file.
func (l *Log) RecordsOf(number uint64, part int) store.Range {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.files[l.position(number)].parts[part].Range
}

// position is that of a file, which must be there.
func (l *Log) position(number uint64) int {
	return sort.Search(len(l.files), func(i int) bool { return l.files[i].number >= number })
}

// Bounds is the numbers of a partition's records in the log, from the first up to, and without, what comes after the last, whatever is
// missing between them; From == To: it has none.
func (l *Log) Bounds(part int) store.Range {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var b store.Range
	for _, f := range l.files {
		if p := f.parts[part].Range; p.From < p.To {
			if b.From == b.To {
				b.From = p.From
			}
			b.To = p.To
		}
	}
	return b
}

// Release says that nobody needs these records of a partition any more, of which it had not been said before. Those that are not
// there do not count.
func (l *Log) Release(part int, r store.Range) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := sort.Search(len(l.files), func(i int) bool { return l.files[i].parts[part].To > r.From })
	for ; i < len(l.files); i++ {
		f := l.files[i]
		p := f.parts[part].Range
		if p.From >= r.To {
			return
		}
		if from, to := max(p.From, r.From), min(p.To, r.To); from < to {
			f.live -= to - from
			f.parts[part].release(from, to)
		}
	}
}

// Remove removes a file, which must not be the one that is written to. What says that nobody needs it is on the disk before.
func (l *Log) Remove(number uint64) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.syncAll(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.position(number)
	f := l.files[i]
	if err := l.opts.FS.Remove(f.path); err != nil {
		return fmt.Errorf("remove %s: %w", f.path, err)
	}
	l.files = append(l.files[:i:i], l.files[i+1:]...)
	if f.sealed {
		return nil // if it comes back, it is whole
	}
	return syncDir(l.opts.FS, l.opts.Dir) // before the next file goes, which tells where this one ended
}
