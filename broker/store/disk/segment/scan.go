package segment

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// found is a block in a file.
type found struct {
	header
	at int64
}

// scan reads f's commits up to limit into its index, and returns where the last of them ends. torn is why what comes behind that is
// no commit, and at where that is; nil: nothing comes behind it. A file has its name once what it was made with is synced: that are the
// commits that say of nothing before them that it was.
func (f *file) scan(r vfs.File, limit int64) (end, at int64, torn, err error) {
	var w window
	var commit []found // that has not ended yet
	var ends []int64   // of commits that are not proven to be synced
	f.proven, end = headerSize, headerSize
	for at = headerSize; at < limit; {
		h, _, err := w.block(r, f.id, at, limit)
		if err != nil && isInvalid(err) {
			return end, at, err, nil
		}
		if err != nil {
			return end, at, nil, err
		}
		if h.kind == kindIndex && len(commit) == 0 && at+h.size()+trailerSize == limit {
			f.offset = at
			return limit, limit, nil, nil
		}
		for len(ends) > 0 && ends[0] <= int64(h.synced) {
			f.proven, ends = ends[0], ends[1:]
		}
		commit = append(commit, found{h, at})
		if at += h.size(); h.flags&flagEnd == 0 {
			continue
		}
		for i := range commit {
			if err := f.follows(&commit[i].header); err != nil {
				return end, commit[i].at, nil, damage(f.path, commit[i].at, err)
			}
			f.add(&commit[i].header, commit[i].at)
		}
		commit = commit[:0]
		if end = at; h.synced == 0 && len(ends) == 0 {
			f.proven = end
		} else {
			ends = append(ends, end)
		}
	}
	if len(commit) > 0 {
		return end, at, errEnds, nil
	}
	return end, at, nil, nil
}

// wasSynced says whether what follows offset at, where there is no block, proves that what is there had been on the disk: then
// no crash has torn it.
func (f *file) wasSynced(r vfs.File, at, limit int64) (bool, error) {
	var search, w window
	for from := at + 1; from+headerSize <= limit; {
		if _, err := search.bytes(r, from, headerSize, limit); err != nil {
			return false, err
		}
		rest := search.buf[from-search.at:]
		i := bytes.IndexByte(rest[8:len(rest)-headerSize+9], magic)
		if i < 0 {
			from += int64(len(rest) - headerSize + 1)
			continue
		}
		from += int64(i)
		h, _, err := w.block(r, f.id, from, limit)
		if err == nil && int64(h.synced) > at {
			return true, nil
		}
		if err != nil && !isInvalid(err) {
			return false, err
		}
		from++
	}
	return false, nil
}
