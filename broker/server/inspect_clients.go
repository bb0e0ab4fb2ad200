package server

import (
	"bytes"
	"container/heap"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// maxListed is how many subscriptions the detail of a client has.
const maxListed = 1000

// Clients implements admin.Clients. It looks at all sessions, a shard at a time, and keeps those that the page is of.
func (i inspector) Clients(q admin.ClientQuery) api.Page[api.Client] {
	page := api.Page[api.Client]{Items: []api.Client{}}
	wanted := newSought(&q)
	var first firstClients
	var room []*client
	for part := range i.srv.clients.shards {
		room = i.srv.clients.appendAll(part, room[:0])
		for _, cl := range room {
			if !wanted.fits(cl) {
				continue
			}
			page.Total++
			if q.After == "" || cl.id > q.After {
				first.offer(cl, q.Limit+1)
			}
		}
	}
	slices.SortFunc(first, func(a, b *client) int { return strings.Compare(a.id, b.id) })
	for k, cl := range first {
		if k == q.Limit {
			page.Next = first[k-1].id
			break
		}
		page.Items = append(page.Items, cl.describe())
	}
	return page
}

// appendAll appends a partition's clients.
func (r *registry) appendAll(part int, dst []*client) []*client {
	shard := &r.shards[part]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	dst = slices.Grow(dst, len(shard.m))
	for _, cl := range shard.m {
		dst = append(dst, cl)
	}
	return dst
}

// firstClients are those with the first identifiers: a heap with the last of them at the top.
type firstClients []*client

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h firstClients) Len() int           { return len(h) }
func (h firstClients) Less(i, j int) bool { return h[i].id > h[j].id }
func (h firstClients) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *firstClients) Push(x any)        { *h = append(*h, x.(*client)) }
func (h *firstClients) Pop() any          { panic("nothing is taken") }

// offer adds a client if it is one of the first n.
func (h *firstClients) offer(cl *client, n int) {
	switch {
	case len(*h) < n:
		heap.Push(h, cl)
	case cl.id < (*h)[0].id:
		(*h)[0] = cl
		heap.Fix(h, 0)
	}
}

// sought is which clients are looked for.
type sought struct {
	*admin.ClientQuery
	address []byte // a part of the address; nil: what is searched for cannot be one
}

func newSought(q *admin.ClientQuery) *sought {
	s := &sought{ClientQuery: q}
	if q.Search != "" && strings.Trim(q.Search, "0123456789abcdef.:[]%") == "" {
		s.address = []byte(q.Search)
	}
	return s
}

// fits says whether a client is one of them.
func (s *sought) fits(cl *client) bool {
	user := ""
	if s.User != "" || s.Search != "" {
		if id := cl.identity.Load(); id != nil {
			user = id.Username()
		}
	}
	if s.User != "" && user != s.User {
		return false
	}
	var c *conn
	if s.Listener != "" || s.Connected != nil || s.address != nil {
		c, _ = cl.sess.Sink().(*conn)
	}
	switch {
	case s.Connected != nil && *s.Connected != (c != nil), s.Listener != "" && (c == nil || c.listener.Name != s.Listener):
		return false
	case s.Search == "" || strings.Contains(cl.id, s.Search) || strings.Contains(user, s.Search):
		return true
	}
	return s.address != nil && c != nil && addressHas(c.nc.RemoteAddr(), s.address)
}

// addressHas says whether an address has this part.
func addressHas(addr net.Addr, part []byte) bool {
	if of, ok := addr.(interface{ AddrPort() netip.AddrPort }); ok {
		var room [64]byte
		return bytes.Contains(of.AddrPort().AppendTo(room[:0]), part)
	}
	return strings.Contains(addr.String(), string(part))
}

// describe is a client as a line of a list. Nothing is waited for: mu is held while a session is stored. What it guards is
// left out of one that is coming or going.
func (cl *client) describe() api.Client {
	f := cl.sess.Figures()
	d := api.Client{ID: cl.id, Connected: f.Sink != nil, Queued: cl.queued(&f), Inflight: f.Inflight}
	if id := cl.identity.Load(); id != nil {
		d.User = id.Username()
	}
	if f.Version != 0 {
		d.Protocol = f.Version.String()
	}
	if c, ok := f.Sink.(*conn); ok {
		d.Listener, d.Address = c.listener.Name, c.nc.RemoteAddr().String()
		d.Since = moment(c.since)
	}
	if cl.mu.TryLock() {
		defer cl.mu.Unlock()
		d.Subscriptions = len(cl.subs)
		if !d.Connected {
			d.Since = moment(cl.left)
		}
	}
	return d
}

// queued is how many messages wait.
func (cl *client) queued(f *session.Figures) int {
	if cl.logged.Load() {
		return max(0, int(cl.quota.messages.Load())-f.Inflight)
	}
	return f.Queued
}

// moment is a time given in Unix milliseconds; nil: it is 0.
func moment(at int64) *time.Time {
	if at == 0 {
		return nil
	}
	return new(time.UnixMilli(at).UTC())
}

// find is a client by its identifier.
func (i inspector) find(id string) (*client, error) {
	cl := i.srv.clients.find(store.PartitionOf(id), id)
	if cl == nil {
		return nil, noSuchClient(id)
	}
	return cl, nil
}

func noSuchClient(id string) error {
	return fmt.Errorf("%w: there is no session of a client %.100q", admin.ErrNotFound, id)
}

// Client implements admin.Clients.
func (i inspector) Client(id string) (api.ClientDetail, error) {
	cl, err := i.find(id)
	if err != nil {
		return api.ClientDetail{}, err
	}
	f := cl.sess.Figures()
	d := api.ClientDetail{
		Client: cl.describe(), ReceiveMaximum: int(f.ReceiveMaximum), MaximumPacketSize: int64(f.MaxPacketSize),
		QueuedBytes: f.QueuedBytes, OutboxBytes: int64(f.OutboxBytes), SubscriptionList: []api.Subscription{},
	}
	if cl.logged.Load() {
		d.QueuedBytes = cl.quota.bytes.Load()
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.ended {
		return api.ClientDetail{}, noSuchClient(id)
	}
	d.Subscriptions, d.SessionExpirySeconds = len(cl.subs), int64(cl.expiry)
	if cl.expiry == neverExpires {
		d.SessionExpirySeconds = -1
	}
	for _, sub := range cl.subs[:min(len(cl.subs), maxListed)] {
		d.SubscriptionList = append(d.SubscriptionList, sub.describe())
	}
	w := cl.will
	if c := cl.conn; c != nil {
		w = c.will
		d.KeepAliveSeconds = int(c.peer.keepAlive * 2 / 3 / time.Second)
		d.CleanStart, d.Throttled = c.peer.cleanStart, c.paused.Load()
		if proof := c.proof.Load(); proof != nil {
			d.Certificate = proof.chain[0].Subject.String()
		}
	} else if cl.expiry != neverExpires {
		d.ExpiresAt = moment(cl.left + int64(cl.expiry)*1000)
	}
	if w != nil {
		d.Will = &api.Will{Topic: w.msg.Topic, QoS: int(w.msg.QoS), Retain: w.msg.Retain, DelaySeconds: int64(w.delay)}
	}
	return d, nil
}

func (sub *subscription) describe() api.Subscription {
	return api.Subscription{
		Filter: sub.filter, QoS: int(sub.qos), NoLocal: sub.noLocal, RetainAsPublished: sub.retainAsPublished, Identifier: int(sub.id),
	}
}

// Subscriptions implements admin.Clients.
func (i inspector) Subscriptions(id string, r admin.Range) (api.Page[api.Subscription], error) {
	page := api.Page[api.Subscription]{Items: []api.Subscription{}}
	cl, err := i.find(id)
	if err != nil {
		return page, err
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	page.Total = len(cl.subs)
	at, found := cl.subs.find(r.After)
	if found {
		at++
	}
	rest := cl.subs[at:]
	for _, sub := range rest[:min(len(rest), r.Limit)] {
		page.Items = append(page.Items, sub.describe())
	}
	if len(rest) > r.Limit {
		page.Next = rest[r.Limit-1].filter
	}
	return page, nil
}

var errAdministrative = &packet.Error{Reason: packet.AdministrativeAction, Clause: "MQTT 5 §3.14.2.1", Detail: "disconnected by an administrator"}

// maxTakes is how often a client that comes back at once is disconnected again, to end its session.
const maxTakes = 10

// Disconnect implements admin.Clients.
func (i inspector) Disconnect(ctx context.Context, id string, end bool) error {
	for range maxTakes {
		cl, err := i.find(id)
		if err != nil {
			return err
		}
		cl.mu.Lock()
		c := cl.conn
		switch {
		case cl.ended:
			cl.mu.Unlock()
			return noSuchClient(id)
		case c == nil && !end:
			cl.mu.Unlock()
			return fmt.Errorf("%w: the client is not connected; session=true ends its session", admin.ErrConflict)
		case c == nil:
			cl.endLocked()
			cl.mu.Unlock()
			return nil
		}
		ended := c.endedLocked()
		cl.mu.Unlock()
		c.kick(errAdministrative)
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !end || c.endsSession(cl) {
			return nil
		}
	}
	return fmt.Errorf("%w: the client comes back faster than its session can be ended; suspend its user first", admin.ErrConflict)
}

// endsSession says whether a client's session has ended with its connection.
func (c *conn) endsSession(cl *client) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.ended
}
