package store

import (
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// RetainedIndex finds retained records by topic filter, for a backend. It keeps the names, what expires when, and the records
// themselves unless they are let go (Release). The zero value is empty. Any number of goroutines may use it.
type RetainedIndex struct {
	names topic.Names[retained]

	mu        sync.Mutex // of changes
	held      int        // bytes of the records that are kept
	deadlines deadlines
}

// retained is what the index has of a topic.
type retained struct {
	record  []byte // nil: it was released
	expires int64
	version uint64
}

// Set makes a copy of r.Record the record of r.Topic, or clears it if that is nil. version is for Release.
func (x *RetainedIndex) Set(r Retained, version uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.Record == nil {
		old, _ := x.names.Delete(r.Topic)
		x.held -= len(old.record)
		return
	}
	x.set(r.Topic, retained{append(make([]byte, 0, len(r.Record)), r.Record...), r.Expires, version})
}

// SetReleased makes the index know of r, which is kept elsewhere; r.Record is of no account.
func (x *RetainedIndex) SetReleased(r Retained) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.set(r.Topic, retained{expires: r.Expires})
}

func (x *RetainedIndex) set(name string, v retained) {
	old, _ := x.names.Set(name, v)
	x.held += len(v.record) - len(old.record)
	if v.expires != 0 && v.expires != old.expires {
		x.deadlines.add(deadline{name, v.expires}, x.current)
	}
}

// current says whether that is still when the topic expires.
func (x *RetainedIndex) current(d deadline) bool {
	v, ok := x.names.Get(d.name)
	return ok && v.expires == d.at
}

// Revert takes back that r was Set with a version, unless another has been since: former, which is kept
// elsewhere, is found again, or nothing if it is nil.
func (x *RetainedIndex) Revert(name string, version uint64, former *Retained) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if v, ok := x.names.Get(name); !ok || v.version != version {
		return
	}
	if former == nil {
		old, _ := x.names.Delete(name)
		x.held -= len(old.record)
		return
	}
	x.set(name, retained{expires: former.Expires})
}

// Release lets go of name's record if it is still of that version, and is kept elsewhere now, and more than budget bytes are held.
func (x *RetainedIndex) Release(name string, version uint64, budget int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.held <= budget {
		return
	}
	if v, ok := x.names.Get(name); ok && v.record != nil && v.version == version {
		x.held -= len(v.record)
		x.names.Set(name, retained{expires: v.expires})
	}
}

// Held is the number of bytes of the records that are held.
func (x *RetainedIndex) Held() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.held
}

// Get returns what the index has of name; a nil Record: it was released.
func (x *RetainedIndex) Get(name string) (r Retained, ok bool) {
	v, ok := x.names.Get(name)
	return v.public(name), ok
}

// Scan does what Store.Retained says, but that the Record of what was released is nil.
func (x *RetainedIndex) Scan(filter, after string, limit int, dst []Retained) (out []Retained, last bool) {
	var burst [32]topic.Entry[retained]
	for limit = max(limit, 1); limit > 0 && !last; {
		var found []topic.Entry[retained]
		found, last = x.names.Scan(filter, after, min(limit, len(burst)), burst[:0])
		for _, e := range found {
			dst = append(dst, e.Value.public(e.Name))
			after = e.Name
		}
		limit -= len(found)
	}
	return dst, last
}

func (v retained) public(name string) Retained {
	return Retained{Topic: name, Record: v.record, Expires: v.expires}
}

// Len is the number of topics.
func (x *RetainedIndex) Len() int { return x.names.Len() }

// NextExpiry is when the next record expires, or 0.
func (x *RetainedIndex) NextExpiry() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.deadlines.next(x.current)
}

// Expire clears the records that have expired at now, at most limit of them, and appends them to dst with a nil Record.
func (x *RetainedIndex) Expire(now int64, limit int, dst []Retained) []Retained {
	x.mu.Lock()
	defer x.mu.Unlock()
	for range limit {
		next := x.deadlines.next(x.current)
		if next == 0 || next > now {
			break
		}
		name := x.deadlines.pop().name
		old, _ := x.names.Delete(name)
		x.held -= len(old.record)
		dst = append(dst, Retained{Topic: name})
	}
	return dst
}
