package session

import "math/bits"

// ring is a queue that also gives access by position: 0 is the oldest. The zero value is empty and
// holds no memory.
type ring[T any] struct {
	buf  []T
	head int
	n    int
}

func (r *ring[T]) len() int { return r.n }

func (r *ring[T]) at(i int) *T { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

func (r *ring[T]) push(v T) {
	if r.n == len(r.buf) {
		r.resize(max(8, 2*r.n))
	}
	*r.at(r.n) = v
	r.n++
}

// reserve makes room for n more.
func (r *ring[T]) reserve(n int) {
	if n += r.n; n > len(r.buf) {
		r.resize(1 << bits.Len(uint(max(n, 8)-1)))
	}
}

// pop takes the oldest away; a ring that has become mostly empty gives memory back.
func (r *ring[T]) pop() T {
	p := r.at(0)
	v := *p
	var zero T
	*p = zero
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	switch {
	case r.n == 0 && len(r.buf) > 64:
		*r = ring[T]{}
	case len(r.buf) > 64 && r.n < len(r.buf)/8:
		r.resize(len(r.buf) / 2)
	}
	return v
}

func (r *ring[T]) resize(size int) {
	buf := make([]T, size)
	for i := range r.n {
		buf[i] = *r.at(i)
	}
	r.buf, r.head = buf, 0
}
