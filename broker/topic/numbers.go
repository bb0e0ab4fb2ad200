package topic

// numberShards is how many tables the numbers are in: what grows at one time is one of them.
const numberShards = 64

// numbers finds items by their names. Of a name it has 8 bytes, none of which the collector looks at, and it looks at a name only
// where 38 bits of its hash are right: a map of strings reads other memory at each step, and hashes all names again to grow. The zero
// value is empty. Not safe for concurrent use.
type numbers[V any] struct {
	shards [numberShards]numberTable
}

// numberTable is slots in which a number stands as near behind the place that its tag says as it can. A quarter of them are free.
type numberTable struct {
	slots []numberSlot // a power of two, or none
	used  int
}

// numberSlot is the number of an item plus one, and a part of its name's hash; 0 and 0: it is free.
type numberSlot struct{ tag, after uint32 }

func (n *numbers[V]) table(hash uint64) *numberTable { return &n.shards[hash%numberShards] }

func tagOf(hash uint64) uint32 { return uint32(hash >> 32) }

// find returns the number of name, whose hashOf is known.
func (n *numbers[V]) find(name string, hash uint64, items *items[V]) (number uint32, ok bool) {
	t, tag := n.table(hash), tagOf(hash)
	if t.used == 0 {
		return 0, false
	}
	for i := t.home(tag); t.slots[i].after != 0; i = t.next(i) {
		if s := t.slots[i]; s.tag == tag && items.name(s.after-1) == name {
			return s.after - 1, true
		}
	}
	return 0, false
}

// add adds the number of a name that is not there.
func (n *numbers[V]) add(hash uint64, number uint32) {
	t := n.table(hash)
	if 4*(t.used+1) > 3*len(t.slots) {
		old := t.slots
		t.slots = make([]numberSlot, max(8, 2*len(old)))
		for _, s := range old {
			if s.after != 0 {
				t.put(s)
			}
		}
	}
	t.put(numberSlot{tagOf(hash), number + 1})
	t.used++
}

// remove takes out the number of a name that is there.
func (n *numbers[V]) remove(hash uint64, number uint32) {
	t := n.table(hash)
	i := t.home(tagOf(hash))
	for t.slots[i].after != number+1 {
		i = t.next(i)
	}
	// Who stands behind it comes nearer to its place, unless it is there already.
	for j := t.next(i); t.slots[j].after != 0; j = t.next(j) {
		if t.distance(t.home(t.slots[j].tag), j) >= t.distance(i, j) {
			t.slots[i], i = t.slots[j], j
		}
	}
	t.slots[i] = numberSlot{}
	t.used--
}

// put puts a slot's content where it belongs; there is room.
func (t *numberTable) put(s numberSlot) {
	i := t.home(s.tag)
	for t.slots[i].after != 0 {
		i = t.next(i)
	}
	t.slots[i] = s
}

func (t *numberTable) home(tag uint32) int       { return int(tag) & (len(t.slots) - 1) }
func (t *numberTable) next(i int) int            { return (i + 1) & (len(t.slots) - 1) }
func (t *numberTable) distance(from, to int) int { return (to - from) & (len(t.slots) - 1) }
