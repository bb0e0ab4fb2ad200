package store

import "github.com/dunlin-mqtt/dunlin/broker/topic"

// RetainedIndex holds retained records in memory, for a backend. The zero value is empty.
type RetainedIndex struct {
	names topic.Names[[]byte]
}

// Set makes rec the record of name, or clears it if rec is nil. It keeps both.
func (x *RetainedIndex) Set(name string, rec []byte) {
	if rec == nil {
		x.names.Delete(name)
		return
	}
	x.names.Set(name, rec)
}

// Scan does what Store.Retained says.
func (x *RetainedIndex) Scan(filter, after string, limit int, dst []Retained) (out []Retained, last bool) {
	var burst [32]topic.Entry[[]byte]
	for limit = max(limit, 1); limit > 0 && !last; {
		var found []topic.Entry[[]byte]
		found, last = x.names.Scan(filter, after, min(limit, len(burst)), burst[:0])
		for _, e := range found {
			dst = append(dst, Retained{Topic: e.Name, Record: e.Value})
			after = e.Name
		}
		limit -= len(found)
	}
	return dst, last
}

// Len is the number of topics.
func (x *RetainedIndex) Len() int { return x.names.Len() }
