package main

import (
	"bytes"
	"fmt"
	"net"
	"sync"
)

// subscription is what a client has asked for by one filter.
type subscription struct {
	client *conn
	qos    byte
}

// below is a subscription of a filter that ends in #, to all names that begin with prefix.
type below struct {
	prefix []byte
	subscription
}

// relay is who has subscribed to what.
type relay struct {
	mu    sync.RWMutex
	names map[string][]subscription // a list is not changed any more
	trees []below                   // the same
}

func newRelay() *relay { return &relay{names: map[string][]subscription{}} }

// serve lets clients in until l is closed.
func (r *relay) serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go r.read(c.(*net.TCPConn))
	}
}

// subscribe adds a subscription, or reports that there can be none of such a filter.
func (r *relay) subscribe(filter []byte, s subscription) bool {
	prefix, tree := bytes.CutSuffix(filter, []byte("#"))
	if len(filter) == 0 || bytes.ContainsAny(prefix, "+#") || tree && len(prefix) > 0 && prefix[len(prefix)-1] != '/' {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if tree {
		r.trees = append(r.trees[:len(r.trees):len(r.trees)], below{bytes.Clone(prefix), s})
		return true
	}
	list := r.names[string(filter)]
	r.names[string(filter)] = append(list[:len(list):len(list)], s)
	return true
}

// publish queues a message for all who have subscribed to its name, and appends to due who has to be flushed.
func (r *relay) publish(due []*conn, name, payload []byte, qos byte) []*conn {
	r.mu.RLock()
	names, trees := r.names[string(name)], r.trees
	r.mu.RUnlock()
	for _, s := range names {
		if s.client.publish(name, payload, min(qos, s.qos)) {
			due = append(due, s.client)
		}
	}
	for i := range trees {
		t := &trees[i]
		if bytes.HasPrefix(name, t.prefix) && t.client.publish(name, payload, min(qos, t.qos)) {
			due = append(due, t.client)
		}
	}
	return due
}
