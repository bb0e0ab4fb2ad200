package topic

import (
	"slices"
	"sync/atomic"
)

// pageSize is the number of entries that are copied at most when one is removed.
const pageSize = 128

// list is the entries of one filter, never empty; most have one. Up to pageSize of them are one slice; more are in pages,
// so that a change copies a page and not the list. What readers see of a slice is never changed.
type list[E comparable] struct {
	one  [1]E
	more *more[E] // nil: there is but one
}

// more is the entries of a filter with more than one.
type more[E comparable] struct {
	few  []E
	many *many[E] // nil: all are in few
}

// few is the entries, unless they are many.
func (l *list[E]) few() []E {
	if l.more == nil {
		return l.one[:]
	}
	return l.more.few
}

// many is the entries if they are in pages; nil: they are not.
func (l *list[E]) many() *many[E] {
	if l.more == nil {
		return nil
	}
	return l.more.many
}

// many is the entries of a filter with a lot of them.
type many[E comparable] struct {
	pages []*page[E]
	index map[E]*page[E] // where each entry is; used by writers only
}

// page is up to pageSize entries; the slice that it points to may be empty.
type page[E comparable] struct {
	entries atomic.Pointer[[]E]
}

func newPage[E comparable](entries []E) *page[E] {
	p := &page[E]{}
	p.entries.Store(&entries)
	return p
}

// appendTo appends l's slices to dst. l may be nil.
func (l *list[E]) appendTo(dst [][]E) [][]E {
	if l == nil {
		return dst
	}
	many := l.many()
	if many == nil {
		return append(dst, slices.Clip(l.few()))
	}
	for _, p := range many.pages {
		if s := *p.entries.Load(); len(s) > 0 {
			dst = append(dst, slices.Clip(s))
		}
	}
	return dst
}

// addTo adds e to the list at where, and reports whether it was missing.
func addTo[E comparable](where *atomic.Pointer[list[E]], e E) bool {
	l := where.Load()
	if l == nil {
		where.Store(&list[E]{one: [1]E{e}})
		return true
	}
	few, many := l.few(), l.many()
	switch {
	case many != nil:
		if _, ok := many.index[e]; ok {
			return false
		}
		if m := many.with(e); m != many {
			where.Store(&list[E]{more: &more[E]{many: m}})
		}
		return true
	case slices.Contains(few, e):
		return false
	case len(few) < pageSize:
		// What append writes is beyond what any reader of few sees, and only the newest slice is appended to.
		where.Store(&list[E]{more: &more[E]{few: append(few, e)}})
		return true
	}
	where.Store(listOf(append(few, e)))
	return true
}

// removeFrom removes e from the list at where, and reports whether it was there. An emptied list becomes nil.
func removeFrom[E comparable](where *atomic.Pointer[list[E]], e E) bool {
	l := where.Load()
	if l == nil {
		return false
	}
	many := l.many()
	if many == nil {
		i := slices.Index(l.few(), e)
		if i >= 0 {
			where.Store(listOf(without(l.few(), i)))
		}
		return i >= 0
	}
	p, ok := many.index[e]
	if !ok {
		return false
	}
	old := *p.entries.Load()
	kept := without(old, slices.Index(old, e))
	p.entries.Store(&kept)
	delete(many.index, e)
	if len(many.index)*4 < len(many.pages)*pageSize { // paid for by the removals that brought it here
		where.Store(listOf(many.flat()))
	}
	return true
}

// replaceIn puts e in the place of old in the list at where, and reports whether old was there.
func replaceIn[E comparable](where *atomic.Pointer[list[E]], old, e E) bool {
	l := where.Load()
	if l == nil {
		return false
	}
	many := l.many()
	if many == nil {
		i := slices.Index(l.few(), old)
		if i >= 0 {
			where.Store(listOf(with(l.few(), i, e)))
		}
		return i >= 0
	}
	p, ok := many.index[old]
	if !ok {
		return false
	}
	entries := *p.entries.Load()
	changed := with(entries, slices.Index(entries, old), e)
	p.entries.Store(&changed)
	delete(many.index, old)
	many.index[e] = p
	return true
}

// listOf makes the list of entries, which nobody else uses. nil: there are none.
func listOf[E comparable](entries []E) *list[E] {
	switch len(entries) {
	case 0:
		return nil
	case 1:
		return &list[E]{one: [1]E{entries[0]}}
	}
	if len(entries) <= pageSize {
		return &list[E]{more: &more[E]{few: entries}}
	}
	m := &many[E]{index: make(map[E]*page[E], len(entries))}
	for chunk := range slices.Chunk(entries, pageSize) {
		p := newPage(chunk)
		m.pages = append(m.pages, p)
		for _, e := range chunk {
			m.index[e] = p
		}
	}
	return &list[E]{more: &more[E]{many: m}}
}

// with adds e, which m does not have. The result is m itself unless a page had to be added.
func (m *many[E]) with(e E) *many[E] {
	last := m.pages[len(m.pages)-1]
	if old := *last.entries.Load(); len(old) < pageSize {
		grown := append(old, e)
		last.entries.Store(&grown)
		m.index[e] = last
		return m
	}
	p := newPage([]E{e})
	m.index[e] = p
	return &many[E]{pages: append(m.pages, p), index: m.index}
}

func (m *many[E]) flat() []E {
	all := make([]E, 0, len(m.index))
	for _, p := range m.pages {
		all = append(all, *p.entries.Load()...)
	}
	return all
}

// without returns a copy of s that lacks element i.
func without[E any](s []E, i int) []E {
	kept := make([]E, 0, len(s)-1)
	return append(append(kept, s[:i]...), s[i+1:]...)
}

// with returns a copy of s that has e as element i.
func with[E any](s []E, i int, e E) []E {
	changed := slices.Clone(s)
	changed[i] = e
	return changed
}
