package session

import "slices"

// sharesFew is how many shared subscriptions are remembered before it matters which of them are in use.
const sharesFew = 16

// shares are the filters of the shared subscriptions that a session's messages have come by. Each has a number, from 1
// on, so that a message takes little room for it. They go by filter, since a group may go and be made anew
// while its messages wait.
type shares struct {
	numbers map[string]uint32
	filters []*string // by number, less 1; nil: it is free
	most    int       // when there are so many, those not in use are forgotten
}

// number is that of a filter; 0: there is none, or nothing has come by it.
func (t *shares) number(filter string) uint32 {
	if t == nil {
		return 0
	}
	return t.numbers[filter]
}

// filter is that of a number.
func (t *shares) filter(number uint32) *string { return t.filters[number-1] }

// add gives a filter a number.
func (t *shares) add(filter *string) uint32 {
	i := slices.Index(t.filters, nil)
	if i < 0 {
		i = len(t.filters)
		t.filters = append(t.filters, nil)
	}
	t.filters[i] = filter
	t.numbers[*filter] = uint32(i + 1)
	return uint32(i + 1)
}

// keep forgets the filters whose numbers are not used.
func (t *shares) keep(used map[uint32]bool) {
	for i, filter := range t.filters {
		if filter != nil && !used[uint32(i+1)] {
			delete(t.numbers, *filter)
			t.filters[i] = nil
		}
	}
	t.most = max(sharesFew, 2*len(used))
}

// shareNumber is the number of a message's Delivery.Share. What is remembered of others is bounded by the messages that
// the session has.
func (s *Session) shareNumber(filter *string) uint32 {
	if filter == nil {
		return 0
	}
	if s.shares == nil {
		s.shares = &shares{numbers: make(map[string]uint32), most: sharesFew}
	}
	if n := s.shares.number(*filter); n != 0 {
		return n
	}
	if len(s.shares.numbers) >= s.shares.most {
		s.shares.keep(s.sharesUsed())
	}
	return s.shares.add(filter)
}

// sharesUsed is the numbers of the shares that the session has messages of.
func (s *Session) sharesUsed() map[uint32]bool {
	used := make(map[uint32]bool)
	for _, r := range [...]*entries{&s.inflight, &s.queue} {
		for i := range r.len() {
			if e := r.at(i); e.cameBy(0) && e.state != done {
				used[e.share] = true
			}
		}
	}
	return used
}
