package segment

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestRotateUnsynced: a loss of power while a file is ended, or the log is closed, that has not been synced leaves a part of it: the index at its end does not
// vouch for what is before it, and what is missing there is no damage.
func TestRotateUnsynced(t *testing.T) {
	for seed := range uint64(80) {
		mem, ending := newFS(t), false
		var clone *vfs.MemFS
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if ending && clone == nil && op.Kind == errorfs.OpFileSyncData {
				clone = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 70, RNG: rand.New(rand.NewPCG(seed, 1))})
			}
			return nil
		}))
		l := begun(t, Options{FS: fs, Bytes: 1 << 30})
		commit(t, l, true, 1, 1, 40, 0)
		for i := range uint64(9) {
			commit(t, l, false, 2+i, 41+i*40, 40, 0)
		}
		ending = true
		if seed%2 == 0 {
			noError(t, l.Rotate())
		}
		noError(t, l.Close())
		l = begun(t, Options{FS: clone, Bytes: 1 << 30})
		seqs, err := numbers(t, l, 0)
		if err != nil || len(seqs) < 40 || len(seqs)%40 != 0 || len(pairsOf(t, l, 0)) != len(seqs)/40 {
			t.Errorf("seed %d: %d records, %d pairs, error %v", seed, len(seqs), len(pairsOf(t, l, 0)), err)
		}
		noError(t, l.Close())
	}
}
