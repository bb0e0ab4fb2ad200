package topic

// itemsAtOnce is how many items are allocated together.
const itemsAtOnce = 128

// item is one name of a Names.
type item[V any] struct {
	name  string
	value V
}

// items are the items of a Names, by numbers that stay: what is sorted and looked up are those, which take half of what pointers do,
// and which the collector has nothing to do with. The zero value is empty. Not safe for concurrent use.
type items[V any] struct {
	chunks []*[itemsAtOnce]item[V]
	used   uint32   // of all in chunks, from the first on
	free   []uint32 // and these of them are not used any more
}

func (s *items[V]) at(number uint32) *item[V] {
	return &s.chunks[number/itemsAtOnce][number%itemsAtOnce]
}

func (s *items[V]) name(number uint32) string { return s.at(number).name }

// len is the number of items.
func (s *items[V]) len() int { return int(s.used) - len(s.free) }

// add returns the number of a new item.
func (s *items[V]) add(name string, value V) (number uint32) {
	if last := len(s.free) - 1; last >= 0 {
		number, s.free = s.free[last], s.free[:last]
	} else {
		if int(s.used) == len(s.chunks)*itemsAtOnce {
			s.chunks = append(s.chunks, new([itemsAtOnce]item[V]))
		}
		number = s.used
		s.used++
	}
	*s.at(number) = item[V]{name, value}
	return number
}

// sparse says whether hardly any of the memory is used.
func (s *items[V]) sparse() bool {
	return len(s.chunks) > 1 && s.len() < len(s.chunks)*itemsAtOnce/8
}

// remove has an item's number be given again.
func (s *items[V]) remove(number uint32) {
	*s.at(number) = item[V]{}
	s.free = append(s.free, number)
}
