package inspect

import (
	"container/list"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// Limits of what is remembered of refusals.
const (
	maxDenials = 1000
	maxText    = 512 // of a client identifier, a user name or a topic, in bytes
)

// Denials are the last refusals. The same again is counted, and is the newest then. The zero value has none; any number of
// goroutines may use it.
type Denials struct {
	mu    sync.Mutex
	known map[denial]*list.Element // of order
	order list.List                // of *denied, the newest first
	last  uint64                   // number given
}

// denial is what makes two refusals the same.
type denial struct {
	client, user, action, topic string
	audited                     bool
	reason                      string // where the caller has said it
}

type denied struct {
	api.Denial
	number uint64 // a higher one is newer
	key    denial
}

// Add remembers a refusal. Its Reason is what why says, which is asked only if it is not known yet; one that has a Reason, of which
// there are to be few, is another one by it, and why may be nil. Its Count is set here.
func (d *Denials) Add(x api.Denial, why func() string) {
	x.Time = x.Time.UTC().Truncate(time.Millisecond)
	x.Client, x.User, x.Topic = clip(x.Client), clip(x.User), clip(x.Topic)
	key := denial{x.Client, x.User, x.Action, x.Topic, x.Audited, x.Reason}
	if d.again(key, &x) {
		return
	}
	if x.Reason == "" {
		x.Reason = why()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.againLocked(key, &x) {
		return
	}
	if d.known == nil {
		d.known = make(map[denial]*list.Element)
	}
	if d.order.Len() >= maxDenials {
		delete(d.known, d.order.Remove(d.order.Back()).(*denied).key)
	}
	x.Count = 1
	d.last++
	d.known[key] = d.order.PushFront(&denied{x, d.last, key})
}

func (d *Denials) again(key denial, x *api.Denial) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.againLocked(key, x)
}

// againLocked counts one that is known.
func (d *Denials) againLocked(key denial, x *api.Denial) bool {
	e, ok := d.known[key]
	if !ok {
		return false
	}
	had := e.Value.(*denied)
	had.Count++
	had.Time, had.Peer = x.Time, x.Peer
	d.last++
	had.number = d.last
	d.order.MoveToFront(e)
	return true
}

// Page is a part of them, the newest first. The cursor is a number.
func (d *Denials) Page(r admin.Range) (api.Page[api.Denial], error) {
	page := api.Page[api.Denial]{Items: []api.Denial{}}
	before := ^uint64(0)
	if r.After != "" {
		n, err := strconv.ParseUint(r.After, 10, 64)
		if err != nil {
			return page, fmt.Errorf("%w: after: %.40q is no cursor of this list", admin.ErrInvalid, r.After)
		}
		before = n
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	page.Total = d.order.Len()
	number := uint64(0)
	for e := d.order.Front(); e != nil; e = e.Next() {
		had := e.Value.(*denied)
		if had.number >= before {
			continue
		}
		if len(page.Items) == r.Limit {
			page.Next = strconv.FormatUint(number, 10)
			break
		}
		page.Items = append(page.Items, had.Denial)
		number = had.number
	}
	return page, nil
}

// clip is text of which not more than maxText bytes are kept, and nothing it is a part of.
func clip(s string) string {
	if len(s) <= maxText {
		return strings.Clone(s)
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}
