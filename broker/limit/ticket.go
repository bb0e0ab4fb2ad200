package limit

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// Ticket is what one connection is counted in for. The zero Ticket is of none. It belongs to the goroutine that
// serves the connection.
type Ticket struct {
	guard    *Guard
	from     netip.Prefix // zero: not known, or not to be held to limits of addresses
	listener string
	user     string
	told     Reason // why it is refused
	entered  bool   // it is counted in, also by its listener
	address  bool   // also by its address
	named    bool   // also by its user
}

// Enter decides on a connection that was accepted by a listener that has most connections at once (0: any number).
// from is its Network, or zero where that is not a client's own: a proxy's, a unix socket's. false: it is to be closed
// at once. Else Leave must be called at its end, and Refused says whether it is open only to be told no.
func (g *Guard) Enter(t *Ticket, listener string, most int32, from netip.Prefix, now time.Time) bool {
	g.mu.Lock()
	defer g.unlock()
	why := g.admits(listener, most, from, now)
	switch {
	case why == None:
		*t = Ticket{guard: g, from: from, listener: listener, entered: true}
		g.total++
		g.listeners[listener]++
		g.countAddress(t)
		return true
	case why == AddressBanned || g.told >= maxTold:
		g.refuse(why, from, now)
		return false
	}
	*t = Ticket{guard: g, told: g.refuse(why, from, now)}
	g.told++
	return true
}

// admits says why a connection may not come in, and takes its tokens if it may.
func (g *Guard) admits(listener string, most int32, from netip.Prefix, now time.Time) Reason {
	if why := g.admitsAddress(from, now); why != None {
		return why
	}
	g.rate.Fill(now)
	switch {
	case reached(g.listeners[listener], most):
		return ListenerConnections
	case reached(g.total, g.limits.MaxConnections):
		return Connections
	case !g.rate.Has():
		return ConnectionRate
	}
	g.rate.Spend(1)
	return None
}

// admitsAddress is what of that has to do with the address.
func (g *Guard) admitsAddress(from netip.Prefix, now time.Time) Reason {
	switch {
	case !from.IsValid():
		return None
	case g.shunned.has(from, now):
		return AddressBanned
	case reached(g.addresses[from], g.limits.MaxConnectionsPerAddress):
		return AddressConnections
	}
	perSecond := int64(g.limits.ConnectionsPerSecondPerAddress)
	if perSecond == 0 {
		return None
	}
	rate := g.rates.get(from, func() Bucket { return NewBucket(perSecond, now) })
	if rate.Fill(now); !rate.Has() {
		return AddressRate
	}
	rate.Spend(1)
	return None
}

// reached reports whether there is no room for one more. most 0: there always is.
func reached(n, most int32) bool { return most > 0 && n >= most }

func (g *Guard) countAddress(t *Ticket) {
	if t.address = t.from.IsValid() && g.limits.MaxConnectionsPerAddress > 0; t.address {
		g.addresses[t.from]++
	}
}

// From says whose address the connection has, now that a proxy has told. It answers as Enter does, and may be called once.
func (t *Ticket) From(from netip.Prefix, now time.Time) bool {
	g := t.guard
	g.mu.Lock()
	defer g.unlock()
	if t.told != None {
		return true // it will hear of that
	}
	why := g.admitsAddress(from, now)
	switch {
	case why == None:
		t.from = from
		g.countAddress(t)
		return true
	case why == AddressBanned || g.told >= maxTold:
		g.refuse(why, from, now)
		return false
	}
	t.told = g.refuse(why, from, now)
	g.told++
	return true
}

// Refused is why the client is to be told no, when it has sent its CONNECT: it was refused by Enter or From, or its
// address has been banned since. None: it is not.
func (t *Ticket) Refused(now time.Time) Reason {
	g := t.guard
	g.mu.Lock()
	defer g.unlock()
	if t.told == None && t.from.IsValid() && g.shunned.has(t.from, now) {
		return g.refuse(AddressBanned, t.from, now)
	}
	return t.told
}

// Failed counts a wrong password.
func (t *Ticket) Failed(now time.Time) {
	g := t.guard
	g.mu.Lock()
	defer g.unlock()
	g.failure(t.from, now)
}

// failure counts a wrong password from an address. mu is held.
func (g *Guard) failure(from netip.Prefix, now time.Time) {
	g.failed++
	ban := g.limits.FailedAuthentications
	if ban.Attempts == 0 || !from.IsValid() || g.shunned.has(from, now) {
		return
	}
	failures := g.failures.get(from, func() window { return window{} })
	if failures.exceeds(ban, now) {
		*failures = window{} // it begins anew after the ban
		g.shunned.add(from, now)
		g.news = &news{"address banned: too many wrong passwords", []any{"peer", from.String(), "seconds", ban.BanSeconds}}
	}
}

// Connect decides on a client that has authenticated as user ("": as nobody), who may have most connections at once (0:
// any number). replaces says that it takes the place of another connection, which is about to leave. It may be called
// once.
func (t *Ticket) Connect(user, clientID string, most int32, replaces bool, now time.Time) Reason {
	g := t.guard
	g.mu.Lock()
	defer g.unlock()
	if g.flaps(user, clientID, now) {
		return g.refuse(ClientBanned, t.from, now)
	}
	if user == "" {
		return None
	}
	if reached(g.users[user], most) && !replaces {
		return g.refuse(UserConnections, t.from, now)
	}
	t.user, t.named = user, true
	g.users[user]++
	return None
}

// flaps counts a connect, and says whether the client is banned.
func (g *Guard) flaps(user, clientID string, now time.Time) bool {
	ban := g.limits.Flapping
	if ban.Attempts == 0 {
		return false
	}
	key := maphash.Comparable(g.seed, [2]string{user, clientID})
	if g.banned.has(key, now) {
		return true
	}
	connects := g.connects.get(key, func() window { return window{} })
	if !connects.exceeds(ban, now) {
		return false
	}
	*connects = window{} // it begins anew after the ban
	g.banned.add(key, now)
	g.news = &news{"client banned: it connects too often", []any{"client_id", clientID, "seconds", ban.BanSeconds}}
	return true
}

// Leave counts the connection out. A second time, and for a connection that Enter has not let in, it does nothing.
func (t *Ticket) Leave() {
	g := t.guard
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.told != None {
		g.told--
	}
	if t.entered {
		g.total--
		less(g.listeners, t.listener)
	}
	if t.address {
		less(g.addresses, t.from)
	}
	if t.named {
		less(g.users, t.user)
	}
	*t = Ticket{}
}

// LeaveUser counts the connection out as its user's. A second time it does nothing.
func (t *Ticket) LeaveUser() {
	if !t.named {
		return
	}
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
	less(t.guard.users, t.user)
	t.named = false
}

// less counts one out.
func less[K comparable](counts map[K]int32, key K) {
	if counts[key]--; counts[key] <= 0 {
		delete(counts, key)
	}
}
