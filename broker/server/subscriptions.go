package server

import (
	"slices"
	"strings"
)

// subscriptions are a session's, by filter. Most sessions have a few, so they are a sorted list.
type subscriptions []*subscription

func (l subscriptions) find(filter string) (i int, found bool) {
	return slices.BinarySearchFunc(l, filter, func(sub *subscription, filter string) int {
		return strings.Compare(sub.filter, filter)
	})
}

// get is the subscription with a filter; nil: there is none.
func (l subscriptions) get(filter string) *subscription {
	if i, found := l.find(filter); found {
		return l[i]
	}
	return nil
}

// set puts sub in the place of the one with its filter, which it returns; nil: there was none.
func (l *subscriptions) set(sub *subscription) (old *subscription) {
	i, found := l.find(sub.filter)
	if found {
		old, (*l)[i] = (*l)[i], sub
		return old
	}
	*l = slices.Insert(*l, i, sub)
	return nil
}

// remove takes the one with a filter away and returns it; nil: there is none.
func (l *subscriptions) remove(filter string) (old *subscription) {
	i, found := l.find(filter)
	if !found {
		return nil
	}
	old = (*l)[i]
	*l = slices.Delete(*l, i, i+1)
	return old
}
