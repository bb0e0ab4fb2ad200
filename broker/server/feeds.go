package server

import (
	"container/list"
	"sync"
)

// feed is the retained messages that a new subscription still has to get.
type feed struct {
	filter string
	after  string // topic of the last one that was sent
	again  int    // how often all are to be sent once more: each SUBSCRIBE has them sent [MQTT-3.8.4-3]
	over   bool   // it goes on elsewhere, or not at all
}

// feedQueue is feeds in the order in which they were asked for, at most one of a filter. nil: none.
type feedQueue struct {
	order    list.List // of *feed
	byFilter map[string]*list.Element
}

// feeds are a connection's, one after the other, at the speed at which the client reads. The goroutine that sends a feed
// owns it but for over, and for after and again while it is in the queue, which mu guards.
type feeds struct {
	mu      sync.Mutex
	queue   *feedQueue
	running bool
}

// add puts f at the end; false: there is one of its filter, which is to begin once more then.
func (f *feeds) add(one *feed) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.queue == nil {
		f.queue = &feedQueue{byFilter: make(map[string]*list.Element)}
	} else if at := f.queue.byFilter[one.filter]; at != nil {
		at.Value.(*feed).again++
		return false
	}
	f.queue.byFilter[one.filter] = f.queue.order.PushBack(one)
	return true
}

// none says whether there is no feed.
func (f *feeds) none() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queue == nil
}

// first is the feed to go on with; nil: there is none. mu is held.
func (f *feeds) first() *feed {
	if f.queue == nil {
		return nil
	}
	return f.queue.order.Front().Value.(*feed)
}

// drop ends the feed of a filter that has been unsubscribed from.
func (f *feeds) drop(filter string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.queue != nil && f.queue.byFilter[filter] != nil {
		f.remove(f.queue.byFilter[filter])
	}
}

func (f *feeds) remove(at *list.Element) {
	one := f.queue.order.Remove(at).(*feed)
	one.over = true
	if delete(f.queue.byFilter, one.filter); f.queue.order.Len() == 0 {
		f.queue = nil
	}
}

// pass notes that the message of a topic is about to be sent; false: that is not for this connection to do any more.
func (f *feeds) pass(one *feed, topic string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !one.over {
		one.after = topic
	}
	return !one.over
}

// done says that all of a feed has been sent.
func (f *feeds) done(one *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case one.over:
	case one.again > 0:
		one.again--
		one.after = ""
		f.queue.order.MoveToBack(f.queue.byFilter[one.filter])
	default:
		f.remove(f.queue.byFilter[one.filter])
	}
}

// give takes what is left, for the session's next connection: whoever sends the first goes no further.
func (f *feeds) give() *feedQueue {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := f.queue
	if f.queue = nil; left != nil {
		front := left.order.Front()
		rest := *front.Value.(*feed)
		front.Value.(*feed).over = true
		front.Value = &rest
	}
	return left
}
