package segment

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestDamagedWhileOpen: a bit that is wrong in a file whose index is known is never a record that is passed over, or another one:
// what is read is right, or the error says that the file is damaged.
func TestDamagedWhileOpen(t *testing.T) {
	fs := newFS(t)
	l := begun(t, Options{FS: fs, Bytes: 1 << 30})
	for i := range uint64(5) {
		commit(t, l, true, 1+i, 1+i*3, 3, 4, 6)
	}
	path := l.last().path
	noError(t, l.Rotate())
	good := content(t, fs, path)
	for at := range good {
		bad := slices.Clone(good)
		bad[at] ^= 1 << (at % 8)
		replace(t, fs, path, bad)
		for _, part := range []int{4, 6} {
			if seqs, err := numbers(t, l, part); err == nil && !slices.Equal(seqs, upTo(15)) || err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatalf("byte %d of %d: the records are %v, error %v", at, len(good), seqs, err)
			}
			if err := getAll(l, part); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatalf("byte %d of %d: %v", at, len(good), err)
			}
		}
	}
	noError(t, l.Close())
}

// getAll gets each of 15 records by its number.
func getAll(l *Log, part int) error {
	for seq := uint64(1); seq <= 15; seq++ {
		r := l.Reader(part)
		rec, err := r.Get(seq)
		if err == nil && string(rec) != text(part, seq) {
			err = fmt.Errorf("record %d of partition %d is %q", seq, part, rec)
		}
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
