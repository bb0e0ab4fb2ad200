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
	"github.com/dunlin-mqtt/dunlin/broker/auth"
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
	var room []named
	for part := range i.srv.clients.shards {
		room = i.srv.clients.appendAll(part, room[:0])
		wanted.fetch(room)
		for k := range room {
			n := &room[k]
			if !wanted.fits(n) {
				continue
			}
			page.Total++
			if q.After == "" || n.id > q.After {
				first.offer(*n, q.Limit+1)
			}
		}
	}
	slices.SortFunc(first, func(a, b named) int { return strings.Compare(a.id, b.id) })
	for k, n := range first {
		if k == q.Limit {
			page.Next = first[k-1].id
			break
		}
		page.Items = append(page.Items, n.client.describe())
	}
	return page
}

// named is a client with its identifier: of most clients no more is looked at.
type named struct {
	id     string
	client *client

	conn     *conn // and what follows: if fetched
	identity *auth.Identity
	user     string
}

// appendAll appends a partition's clients.
func (r *registry) appendAll(part int, dst []named) []named {
	shard := &r.shards[part]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	dst = slices.Grow(dst, len(shard.m))
	for id, cl := range shard.m {
		dst = append(dst, named{id: id, client: cl})
	}
	return dst
}

// firstClients are those with the first identifiers: a heap with the last of them at the top.
type firstClients []named

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h firstClients) Len() int           { return len(h) }
func (h firstClients) Less(i, j int) bool { return h[i].id > h[j].id }
func (h firstClients) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *firstClients) Push(x any)        { *h = append(*h, x.(named)) }
func (h *firstClients) Pop() any          { panic("nothing is taken") }

// offer adds a client if it is one of the first n.
func (h *firstClients) offer(x named, n int) {
	switch {
	case len(*h) < n:
		heap.Push(h, x)
	case x.id < (*h)[0].id:
		(*h)[0] = x
		heap.Fix(h, 0)
	}
}

// sought is which clients are looked for.
type sought struct {
	*admin.ClientQuery
	address []byte // a part of the address; nil: what is searched for cannot be one
	touched int    // by fetch
}

func newSought(q *admin.ClientQuery) *sought {
	s := &sought{ClientQuery: q}
	if strings.ContainsAny(q.Search, ".:") && strings.Trim(q.Search, "0123456789abcdef.:[]%") == "" {
		s.address = []byte(q.Search)
	}
	return s
}

// fetch reads what fits will look at, one kind of it at a time. Clients are all over the memory, and what takes the time is to
// wait for that: loops that do nothing else have the processor wait for many at once, which is four times as fast.
func (s *sought) fetch(room []named) {
	for k := range room {
		s.touched += firstByte(room[k].id)
	}
	if s.Connected != nil || s.Listener != "" || s.address != nil {
		for k := range room {
			room[k].conn = room[k].client.live.Load()
		}
		for k := range room {
			if c := room[k].conn; c != nil {
				s.touched += int(c.listener.Port)
			}
		}
	}
	if s.User == "" && s.Search == "" {
		return
	}
	for k := range room {
		room[k].identity = room[k].client.identity.Load()
	}
	for k := range room {
		if id := room[k].identity; id != nil {
			room[k].user = id.Username()
		}
	}
	for k := range room {
		s.touched += firstByte(room[k].user)
	}
}

func firstByte(text string) int {
	if text == "" {
		return 0
	}
	return int(text[0])
}

// fits says whether a client is one of them.
func (s *sought) fits(n *named) bool {
	if s.User != "" && n.user != s.User {
		return false
	}
	switch {
	case s.Connected != nil && *s.Connected != (n.conn != nil), s.Listener != "" && (n.conn == nil || n.conn.listener.Name != s.Listener):
		return false
	case s.Search == "" || strings.Contains(n.id, s.Search) || strings.Contains(n.user, s.Search):
		return true
	}
	return s.address != nil && n.conn != nil && addressHas(n.conn.nc.RemoteAddr(), s.address)
}

// user is the name of the user that the client is, or was when it left; "": anonymous, or not known yet.
func (cl *client) user() string {
	if id := cl.identity.Load(); id != nil {
		return id.Username()
	}
	return ""
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
	d := api.Client{ID: cl.id, Queued: cl.queued(&f), Inflight: f.Inflight}
	d.User = cl.user()
	if f.Version != 0 {
		d.Protocol = f.Version.String()
	}
	if c := cl.live.Load(); c != nil {
		d.Connected, d.Listener, d.Address = true, c.listener.Name, c.nc.RemoteAddr().String()
		d.Since = moment(c.since)
		d.Received = &api.ClientTraffic{Messages: c.receivedMessages.Load(), Bytes: c.receivedBytes.Load()}
		d.Sent = &api.ClientTraffic{Messages: f.SentMessages, Bytes: f.SentBytes}
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
	if c := cl.live.Load(); c != nil {
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
		c := cl.live.Load()
		switch {
		case cl.ended:
			cl.mu.Unlock()
			return noSuchClient(id)
		case c == nil && !end:
			cl.mu.Unlock()
			return fmt.Errorf("%w: the client is not connected; session=true ends its session", admin.ErrConflict)
		case c == nil:
			stored := cl.endLocked()
			cl.mu.Unlock()
			return endStored(ctx, stored)
		}
		ended := c.endedLocked()
		cl.mu.Unlock()
		c.kick(errAdministrative)
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !end || cl.hasEnded() {
			return nil
		}
	}
	return fmt.Errorf("%w: the client comes back faster than its session can be ended; suspend its user first", admin.ErrConflict)
}

// endStored waits until it is stored that a session has ended; nil: it need not be.
func endStored(ctx context.Context, stored <-chan error) error {
	if stored == nil {
		return nil
	}
	select {
	case err := <-stored:
		if err != nil {
			return fmt.Errorf("%w: the session has ended, but that cannot be stored, and it is back after a restart: %w", admin.ErrUnavailable, err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hasEnded says whether the session has ended.
func (cl *client) hasEnded() bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.ended
}
