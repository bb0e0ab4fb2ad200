package segment

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestCutIsPast: what a log was told of the one before it holds until Begin, and not for who opens it after that: what has been written
// since would be taken for what has failed.
func TestCutIsPast(t *testing.T) {
	fs, fail := newFS(t), false
	o := Options{FS: failing(fs, &fail, errorfs.OpFileWrite), Bytes: 1 << 30}
	l := begun(t, o)
	commit(t, l, true, 1, 1, 3, 0)
	l = failOnce(t, l, o, &fail, batch(2, 4, 3, 0), true)
	commit(t, l, true, 2, 4, 3, 0)
	noError(t, l.Close()) // though nothing has failed
	if o.Cut = l.Cut(); o.Cut != nil {
		t.Errorf("the log that did not fail tells %+v", *o.Cut)
	}
	l = begun(t, o)
	if seqs, err := numbers(t, l, 0); err != nil || !slices.Equal(seqs, upTo(6)) {
		t.Errorf("the records are %v, error %v", seqs, err)
	}
	noError(t, l.Close())
}

// TestCarriedIsSynced: what is carried into a new file after an error is on the disk when the log has begun, though it had not been.
func TestCarriedIsSynced(t *testing.T) {
	mem, fail := newFS(t), false
	o := Options{FS: failing(mem, &fail, errorfs.OpFileWrite), Bytes: 1 << 30}
	l := begun(t, o)
	commit(t, l, true, 1, 1, 3, 0)
	commit(t, l, false, 2, 4, 3, 0)
	l = failOnce(t, l, o, &fail, batch(3, 7, 3, 0), false)
	if n, _, err := numbersAfter(t, mem.CrashClone(vfs.CrashCloneCfg{})); err != nil || n != 6 {
		t.Errorf("after a loss of power there are %d records, error %v", n, err)
	}
	noError(t, l.Close())
}
