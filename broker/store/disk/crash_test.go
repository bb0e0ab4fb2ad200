package disk_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/storetest"
)

const (
	crashParts  = 3
	crashTopics = 5
	crashDir    = "data/store"
)

// TestCrash takes a copy of the disk before a random write or sync, as it could be after a loss of power at that moment: what was
// synced is there, and a random part of what was not. What was acknowledged by then must be there, with no hole,
// and nothing that was never written. It goes on from the copy for a few generations.
func TestCrash(t *testing.T) {
	seeds := uint64(24)
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 2))
			w := &workload{steps: 300, pad: 40}
			w.options(seed)
			fs := vfs.NewCrashableMem()
			for w.generation = range 3 {
				fs = w.run(t, fs, rng)
			}
			s := w.open(t, fs)
			w.acquire(t, s)
			w.verify(t, s)
			noError(t, s.Close())
		})
	}
}

// open opens the store on fs.
func (w *workload) open(t *testing.T, fs vfs.FS) store.Store {
	o := w.Options
	o.Dir, o.FS, o.Log = crashDir, fs, quiet
	return mustOpen(t, o)
}

// options makes stores with small files of the log, which are moved, and stores that sync late.
func (w *workload) options(seed uint64) {
	w.FileBytes = []int64{0, 1, 2 << 10, 32 << 10}[seed%4]
	w.MoveAfter = 1
	w.prompt = seed%2 == 1
	if w.lazy = seed%3 == 2; w.lazy {
		w.Sync, w.Interval = disk.Interval, time.Duration(1+seed)*time.Millisecond
	}
	if seed%8 == 0 { // so much that tables are flushed
		w.pad = 30 << 10
	}
}

// TestCrashEverywhere is TestCrash with little to write, and a crash before each write or sync in turn.
func TestCrashEverywhere(t *testing.T) {
	last := int64(150)
	if testing.Short() {
		last = 40
	}
	for at := range last {
		rng := rand.New(rand.NewPCG(uint64(at), 4))
		w := &workload{steps: 40, pad: 40, crashAt: at + 1}
		w.options(1 + uint64(at)%2*2) // a file for each commit, and ordinary ones
		fs := w.run(t, vfs.NewCrashableMem(), rng)
		w.generation++
		s := w.open(t, fs)
		w.acquire(t, s)
		w.verify(t, s)
		noError(t, s.Close())
	}
}

// workload is what is written to the store, and what is known of it.
type workload struct {
	disk.Options
	lazy   bool // what was acknowledged may be lost, but from some moment on
	prompt bool // a file of the log that was removed does not come back

	generation, steps, pad int
	crashAt                int64 // the operation before which the copy is taken; 0: a random one

	together crashTogether

	parts    [crashParts]crashPart
	versions [crashTopics]counter // of a topic's retained record
}

// crashTogether is what is known of writes of several partitions: each has a record of each of two partitions, and a retained
// record, that say its number.
type crashTogether struct {
	logs    [2]*storetest.Log
	writes  counter
	dropped counter // what the checkpoints say, which drop the records below
}

const firstTogether = 20 // the first of the two partitions

// counter says how far something was written: at least to acked, at most to asked.
type counter struct{ acked, asked atomic.Uint64 }

type crashPart struct {
	*storetest.Log
	known      []string // what is known to be there, from record 1 on
	records    counter
	checkpoint counter
}

// mark is what was acknowledged when the copy was taken.
type mark struct {
	records, checkpoint [crashParts]uint64
	versions            [crashTopics]uint64
	together, dropped   uint64
}

// run opens the store on fs, checks it, and writes to it until a copy of fs is taken, which it returns.
func (w *workload) run(t *testing.T, fs *vfs.MemFS, rng *rand.Rand) *vfs.MemFS {
	var clone *vfs.MemFS
	var m mark
	var once sync.Once
	own := rand.New(rand.NewPCG(rng.Uint64(), 5))
	crash := func() {
		once.Do(func() {
			m = w.mark()
			clone = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: own.IntN(4) * 33, RNG: own})
		})
	}
	left := atomic.Int64{}
	left.Store(1 + rng.Int64N(250))
	if w.crashAt > 0 {
		left.Store(w.crashAt)
	}
	var hooked vfs.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && left.Add(-1) == 0 {
			crash()
		}
		return nil
	}))
	if w.prompt {
		hooked = promptFS{hooked}
	}
	s := w.open(t, hooked)
	w.acquire(t, s)
	w.verify(t, s)
	var all sync.WaitGroup
	for n := range w.parts {
		seed := rng.Uint64()
		all.Go(func() { w.write(t, s, n, rand.New(rand.NewPCG(seed, 3))) })
	}
	all.Go(func() { w.together.write(t, s, w.steps/2) })
	all.Wait()
	crash() // unless it has been
	noError(t, s.Close())
	w.reset(m)
	return clone
}

func (w *workload) acquire(t *testing.T, s store.Store) {
	for n := range w.parts {
		w.parts[n].Log = storetest.Acquire(t, s, n)
	}
	for i := range w.together.logs {
		w.together.logs[i] = storetest.Acquire(t, s, firstTogether+i)
	}
}

// write is the one writer of partition n, and of some topics.
func (w *workload) write(t *testing.T, s store.Store, n int, rng *rand.Rand) {
	p := &w.parts[n]
	for range w.steps {
		switch rng.IntN(12) {
		case 0:
			w.writeCheckpoint(t, p, rng)
		case 1, 2:
			w.retain(t, s, rng.IntN(crashTopics/crashParts+1)*crashParts+n)
		case 3: // waits, so that batches are of many sizes
			done := make(chan struct{})
			w.append(t, n, rng, func() { close(done) })
			<-done
		default:
			w.append(t, n, rng, func() {})
		}
	}
}

func (w *workload) append(t *testing.T, n int, rng *rand.Rand, done func()) {
	p := &w.parts[n]
	want := p.records.asked.Add(1)
	rec := fmt.Sprintf("%d/%d/%d/%s", n, want, w.generation, strings.Repeat("x", rng.IntN(w.pad)))
	p.Append([]byte(rec), func(seq uint64, err error) {
		if err != nil || seq != want {
			t.Errorf("partition %d: number %d instead of %d, error %v", n, seq, want, err)
		}
		p.records.acked.Store(seq)
		done()
	})
}

// writeCheckpoint writes two pairs that say what it covers, and trims.
func (w *workload) writeCheckpoint(t *testing.T, p *crashPart, rng *rand.Rand) {
	at, next := p.checkpoint.asked.Load(), p.records.asked.Load()+1
	at = max(at, 1)
	at += rng.Uint64N(next - at + 1)
	p.checkpoint.asked.Store(at)
	value := strconv.AppendUint(nil, at, 10)
	p.Checkpoint([]store.KV{{Key: "a", Value: value}, {Key: "b", Value: value}}, at, dropBelow(at), func(err error) {
		if err != nil {
			t.Error(err)
		}
		p.checkpoint.acked.Store(at)
	})
}

// retain writes the next version of a topic; every fifth clears it.
func (w *workload) retain(t *testing.T, s store.Store, topic int) {
	if topic >= crashTopics {
		return
	}
	c := &w.versions[topic]
	version := c.asked.Add(1)
	var rec []byte
	if version%5 != 0 {
		rec = strconv.AppendUint(nil, version, 10)
	}
	storetest.Retain(s, fmt.Sprint("t/", topic), rec, func(err error) {
		if err != nil {
			t.Error(err)
		}
		c.acked.Store(version)
	})
}

// dropBelow is what drops all records below at.
func dropBelow(at uint64) []store.Range {
	if at <= 1 {
		return nil
	}
	return []store.Range{{From: 1, To: at}}
}

func (w *workload) mark() (m mark) {
	if w.lazy {
		return m
	}
	for i := range w.parts {
		m.records[i], m.checkpoint[i] = w.parts[i].records.acked.Load(), w.parts[i].checkpoint.acked.Load()
	}
	m.together, m.dropped = w.together.writes.acked.Load(), w.together.dropped.acked.Load()
	for i := range w.versions {
		m.versions[i] = w.versions[i].acked.Load()
	}
	return m
}

// reset forgets what was acknowledged after the mark.
func (w *workload) reset(m mark) {
	for i := range w.parts {
		w.parts[i].records.acked.Store(m.records[i])
		w.parts[i].checkpoint.acked.Store(m.checkpoint[i])
	}
	w.together.writes.acked.Store(m.together)
	w.together.dropped.acked.Store(m.dropped)
	for i := range w.versions {
		w.versions[i].acked.Store(m.versions[i])
	}
}

// verify compares the store with what is known, and takes what it finds for known.
func (w *workload) verify(t *testing.T, s store.Store) {
	t.Helper()
	for n := range w.parts {
		w.parts[n].verify(t, n)
	}
	w.together.verify(t, s)
	for i := range w.versions {
		c := &w.versions[i]
		out, _, err := s.Retained(fmt.Sprint("t/", i), "", 1, nil)
		noError(t, err)
		found := uint64(0)
		if len(out) > 0 {
			found, _ = strconv.ParseUint(string(out[0].Record), 10, 64)
		} else { // the last that cleared it
			found = c.asked.Load() / 5 * 5
		}
		if found < c.acked.Load() || found > c.asked.Load() {
			t.Fatalf("topic %d: version %d is not in %d to %d", i, found, c.acked.Load(), c.asked.Load())
		}
		c.acked.Store(found)
		c.asked.Store(found)
	}
}

func (p *crashPart) verify(t *testing.T, n int) {
	t.Helper()
	pairs := map[string]string{}
	at, err := p.Load(t.Context(), func(kv store.KV) error { pairs[kv.Key] = string(kv.Value); return nil })
	noError(t, err)
	if at < p.checkpoint.acked.Load() || at > p.checkpoint.asked.Load() {
		t.Fatalf("partition %d: checkpoint %d is not in %d to %d", n, at, p.checkpoint.acked.Load(), p.checkpoint.asked.Load())
	}
	if at > 0 && (pairs["a"] != fmt.Sprint(at) || pairs["b"] != fmt.Sprint(at)) {
		t.Fatalf("partition %d: checkpoint at %d has the pairs of another: %v", n, at, pairs)
	}
	p.checkpoint.acked.Store(at)
	p.checkpoint.asked.Store(at)

	next := max(at, 1)
	noError(t, p.Read(t.Context(), next, func(seq uint64, rec []byte) error {
		if seq != next {
			t.Fatalf("partition %d: record %d comes instead of %d", n, seq, next)
		}
		next++
		for uint64(len(p.known)) < seq {
			p.known = append(p.known, "")
		}
		if was := p.known[seq-1]; was != "" && was != string(rec) || !strings.HasPrefix(string(rec), fmt.Sprintf("%d/%d/", n, seq)) {
			t.Fatalf("partition %d: record %d is %.40q, and was %.40q", n, seq, rec, was)
		}
		p.known[seq-1] = string(rec)
		return nil
	}))
	if last := next - 1; last < p.records.acked.Load() || last > p.records.asked.Load() {
		t.Fatalf("partition %d: the last record is %d, and not in %d to %d", n, last, p.records.acked.Load(), p.records.asked.Load())
	}
	p.records.acked.Store(next - 1)
	p.records.asked.Store(next - 1)
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
