package limit

import (
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// bans are those who are not let in for a while. All bans last as long, so they end in the order in which they began.
type bans[K comparable] struct {
	most  int // beyond it the oldest ends early
	lasts time.Duration
	in    map[K]struct{}
	queue []ban[K]
	total uint64
}

type ban[K comparable] struct {
	key  K
	ends time.Time
}

// has reports whether key is banned.
func (b *bans[K]) has(key K, now time.Time) bool {
	b.expire(now)
	_, ok := b.in[key]
	return ok
}

// add bans key, which is not banned.
func (b *bans[K]) add(key K, now time.Time) {
	if b.in == nil {
		b.in = make(map[K]struct{})
	}
	if len(b.queue) >= b.most {
		b.pop()
	}
	b.in[key] = struct{}{}
	b.queue = append(b.queue, ban[K]{key, now.Add(b.lasts)})
	b.total++
}

// count is how many there are.
func (b *bans[K]) count(now time.Time) int64 {
	b.expire(now)
	return int64(len(b.queue))
}

func (b *bans[K]) expire(now time.Time) {
	for len(b.queue) > 0 && !now.Before(b.queue[0].ends) {
		b.pop()
	}
}

func (b *bans[K]) pop() {
	delete(b.in, b.queue[0].key)
	b.queue = b.queue[1:] // append moves the rest to the front now and then
}

// reform lets bans last as long as to says, those of now too if that is less.
func (b *bans[K]) reform(to config.Ban, now time.Time) {
	b.lasts = seconds(to.BanSeconds)
	if to.Attempts == 0 {
		b.in, b.queue = nil, nil
		return
	}
	for i := range b.queue {
		if latest := now.Add(b.lasts); b.queue[i].ends.After(latest) {
			b.queue[i].ends = latest
		}
	}
}
