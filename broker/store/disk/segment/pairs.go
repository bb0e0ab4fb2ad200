package segment

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pairs calls fn for the pairs with numbers above after, in order.
func (l *Log) Pairs(after uint64, fn func(number uint64, data []byte) error) error {
	for _, f := range l.files {
		if f.pairs.From == f.pairs.To || f.pairs.To <= after+1 {
			continue
		}
		if err := l.with(f, func(r vfs.File, _ int64) error { return f.eachPairs(r, after, fn) }); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) eachPairs(r vfs.File, after uint64, fn func(uint64, []byte) error) error {
	var w window
	for at := int64(headerSize); at < f.end.Load(); {
		h, b, err := w.block(r, f.id, at, f.end.Load())
		if err != nil {
			if isInvalid(err) {
				return damage(f.path, at, err)
			}
			return fmt.Errorf("read %s: %w", f.path, err)
		}
		if h.kind == kindIndex {
			return nil
		}
		if h.kind == kindPairs && h.first > after {
			if err := fn(h.first, b[headerSize:]); err != nil {
				return err
			}
		}
		at += h.size()
	}
	return nil
}
