package session

import "sync"

// entries is a queue of entry that also gives access by position: 0 is the oldest. The zero value is empty and holds no memory, an empty
// one that has been used that of a few. Pointers to entries hold until pop.
type entries struct {
	runs []*run // a ring of a power of two; nil where there are none
	head int    // the slot of the oldest
	n    int
}

// run is the entries of successive slots. A run goes back to the others when all of it has been taken: a queue that fills and empties
// again and again moves nothing, and leaves nothing to the collector.
type run [runSlots]entry

const (
	runBits  = 3
	runSlots = 1 << runBits
)

var runPool = sync.Pool{New: func() any { return new(run) }}

func (q *entries) len() int { return q.n }

func (q *entries) at(i int) *entry {
	slot := q.head + i
	return &q.runs[slot>>runBits&(len(q.runs)-1)][slot&(runSlots-1)]
}

func (q *entries) push(e entry) {
	slot := q.head + q.n
	if slot&(runSlots-1) == 0 && q.used() == len(q.runs) {
		q.resize(max(1, 2*len(q.runs)))
		slot = q.head + q.n
	}
	r := &q.runs[slot>>runBits&(len(q.runs)-1)]
	if *r == nil {
		*r = runPool.Get().(*run)
	}
	(*r)[slot&(runSlots-1)] = e
	q.n++
}

// pop takes the oldest away.
func (q *entries) pop() entry {
	r := &q.runs[q.head>>runBits]
	p := &(*r)[q.head&(runSlots-1)]
	e := *p
	*p = entry{}
	q.head++
	if q.n--; q.n == 0 {
		if len(q.runs) > 1 {
			q.runs = []*run{*r}
		}
		q.head = 0
		return e
	}
	if q.head&(runSlots-1) == 0 {
		runPool.Put(*r)
		*r = nil
		q.head &= len(q.runs)<<runBits - 1
		if len(q.runs) > runSlots && q.used() < len(q.runs)/8 {
			q.resize(len(q.runs) / 2)
		}
	}
	return e
}

// used is how many runs there are.
func (q *entries) used() int { return (q.head&(runSlots-1) + q.n + runSlots - 1) >> runBits }

// resize makes room for so many runs.
func (q *entries) resize(most int) {
	runs := make([]*run, most)
	for i := range q.used() {
		runs[i] = q.runs[(q.head>>runBits+i)&(len(q.runs)-1)]
	}
	q.runs, q.head = runs, q.head&(runSlots-1)
}
