package inspect

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a watch of topics.
const (
	watchFor   = time.Minute // since it was last asked for
	maxWatched = 10_000      // topics
	// maxWatchedBytes bounds the names of those: what does not fit in is not watched.
	maxWatchedBytes = 8 << 20
	rateOver        = 5 * time.Second
	watchShards     = 16
	shardWatched    = maxWatched / watchShards
	shardBytes      = maxWatchedBytes / watchShards
)

// Topics counts what is published to which topic, while somebody asks. The zero value is ready; any number of goroutines
// may use it.
type Topics struct {
	watch atomic.Pointer[watch] // nil: nobody asks

	mu    sync.Mutex
	timer *time.Timer // ends the watch; nil: there was none yet
}

// Published counts a message, if somebody asks. It keeps topic.
func (t *Topics) Published(topic string) {
	if w := t.watch.Load(); w != nil {
		w.published(topic)
	}
}

// Stop ends the watch.
func (t *Topics) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch.Store(nil)
	if t.timer != nil {
		t.timer.Stop()
	}
}

// ask begins a watch, or has the one that there is last longer.
func (t *Topics) ask(now time.Time) *watch {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.watch.Load()
	if w == nil {
		w = newWatch(now)
		t.watch.Store(w)
	}
	if t.timer == nil {
		t.timer = time.AfterFunc(watchFor, t.Stop)
	} else {
		t.timer.Reset(watchFor)
	}
	return w
}

// watch is what was published while somebody asked.
type watch struct {
	seed   maphash.Seed
	shards [watchShards]struct {
		mu     sync.Mutex
		topics map[string]*watched
		bytes  int // of the topics' names
	}

	mu      sync.Mutex // guards what of watched is for rates
	turned  time.Time  // when the younger marks were set
	before  time.Time  // and when the older ones
	started time.Time
}

// watched is one topic.
type watched struct {
	messages atomic.Uint64
	last     atomic.Int64 // Unix milliseconds
	young    uint64       // messages when the watch's marks were set last
	old      uint64       // and the time before
}

func newWatch(now time.Time) *watch {
	w := &watch{seed: maphash.MakeSeed(), turned: now, before: now, started: now}
	for i := range w.shards {
		w.shards[i].topics = make(map[string]*watched)
	}
	return w
}

func (w *watch) published(topic string) {
	s := &w.shards[maphash.String(w.seed, topic)%watchShards]
	s.mu.Lock()
	seen := s.topics[topic]
	if seen == nil && len(s.topics) < shardWatched && s.bytes+len(topic) <= shardBytes {
		seen = new(watched)
		s.topics[topic] = seen
		s.bytes += len(topic)
	}
	s.mu.Unlock()
	if seen != nil {
		seen.messages.Add(1)
		seen.last.Store(time.Now().UnixMilli())
	}
}

// each calls fn for every topic with its messages, when the last came (Unix milliseconds), and how many come a second.
func (w *watch) each(now time.Time, fn func(topic string, messages uint64, last int64, perSecond float64)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	turn := now.Sub(w.turned) >= rateOver
	over := now.Sub(w.before).Seconds()
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for topic, seen := range s.topics {
			n := seen.messages.Load()
			rate := 0.0
			if over > 0 {
				rate = float64(n-seen.old) / over
			}
			fn(topic, n, seen.last.Load(), rate)
			if turn {
				seen.old, seen.young = seen.young, n
			}
		}
		s.mu.Unlock()
	}
	if turn {
		w.before, w.turned = w.turned, now
	}
}
