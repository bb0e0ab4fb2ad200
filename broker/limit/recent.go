package limit

import (
	"container/list"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// recent has a value for each of the last most keys that were asked for; the one that nobody has asked for for
// longest is forgotten first.
type recent[K comparable, V any] struct {
	most  int
	known map[K]*list.Element // of order
	order list.List           // of *remembered[K, V], the longest ago at the front
}

type remembered[K comparable, V any] struct {
	key   K
	value V
}

// get returns key's value, made by fresh if there is none. The pointer is good until the next call.
func (r *recent[K, V]) get(key K, fresh func() V) *V {
	if e, ok := r.known[key]; ok {
		r.order.MoveToBack(e)
		return &e.Value.(*remembered[K, V]).value
	}
	if r.known == nil {
		r.known = make(map[K]*list.Element)
	}
	if len(r.known) >= r.most {
		delete(r.known, r.order.Remove(r.order.Front()).(*remembered[K, V]).key)
	}
	made := &remembered[K, V]{key, fresh()}
	r.known[key] = r.order.PushBack(made)
	return &made.value
}

// window counts attempts from the first one on, until it is over and another begins.
type window struct {
	began time.Time
	n     int32
}

// exceeds counts an attempt, and says whether that is one too many.
func (w *window) exceeds(b config.Ban, now time.Time) bool {
	if w.n == 0 || now.Sub(w.began) >= seconds(b.WindowSeconds) {
		*w = window{began: now}
	}
	w.n++
	return w.n > b.Attempts
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
