package limit

import (
	"hash/maphash"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

const (
	// maxTold bounds the connections that are open only to be told in CONNACK why they are refused; those beyond it
	// are closed unheard, so that a flood costs next to nothing.
	maxTold = 64
	// maxRemembered bounds each table: the addresses and clients that rates, attempts and bans are known of, at 200
	// bytes or so each.
	maxRemembered = 1 << 16
	// logEvery bounds how often refusals for the same reason are logged.
	logEvery = 10 * time.Second
)

// Reason is why a connection is refused. The zero Reason: it is not.
type Reason uint8

// The reasons, in the order of Stats.Refused.
const (
	None                Reason = iota
	AddressBanned              // it gave too many wrong passwords
	AddressConnections         // maxConnectionsPerAddress
	AddressRate                // connectionsPerSecondPerAddress
	ListenerConnections        // the listener's maxConnections
	Connections                // maxConnections
	ConnectionRate             // connectionsPerSecond
	ClientBanned               // it connects too often
	UserConnections            // the user's, or maxConnectionsPerUser
	Reasons                    // how many there are
)

var names = [Reasons]string{
	None: "none", AddressBanned: "address_banned", AddressConnections: "address_connections",
	AddressRate: "address_connection_rate", ListenerConnections: "listener_connections", Connections: "connections",
	ConnectionRate: "connection_rate", ClientBanned: "client_banned", UserConnections: "user_connections",
}

// String is the reason in metrics and logs.
func (r Reason) String() string { return names[r] }

// Guard says who is let in. Any number of goroutines may use it; its lock is a leaf.
type Guard struct {
	limits config.Limits
	log    *slog.Logger
	seed   maphash.Seed

	mu        sync.Mutex
	total     int32
	told      int
	listeners map[string]int32
	users     map[string]int32
	addresses map[netip.Prefix]int32
	rate      Bucket
	rates     recent[netip.Prefix, Bucket]
	failures  recent[netip.Prefix, window]
	connects  recent[uint64, window] // by a hash of user and client identifier, which may be long

	shunned bans[netip.Prefix]
	banned  bans[uint64]
	failed  uint64
	refused [Reasons]uint64
	logged  [Reasons]time.Time
	news    *news // what unlock logs
}

// news is something to be logged, at the level of a warning.
type news struct {
	what string
	args []any
}

// unlock gives up mu and logs what there is to log: who writes slowly is not waited for by all others.
func (g *Guard) unlock() {
	said := g.news
	g.news = nil
	g.mu.Unlock()
	if said != nil {
		g.log.Warn(said.what, said.args...)
	}
}

// NewGuard makes the guard of one broker, by limits that have their defaults.
func NewGuard(l config.Limits, log *slog.Logger, now time.Time) *Guard {
	return &Guard{
		limits: l, log: log, seed: maphash.MakeSeed(),
		listeners: make(map[string]int32), users: make(map[string]int32), addresses: make(map[netip.Prefix]int32),
		rate:     NewBucket(int64(l.ConnectionsPerSecond), now),
		rates:    recent[netip.Prefix, Bucket]{most: maxRemembered},
		failures: recent[netip.Prefix, window]{most: maxRemembered},
		connects: recent[uint64, window]{most: maxRemembered},
		shunned:  bans[netip.Prefix]{most: maxRemembered, lasts: seconds(l.FailedAuthentications.BanSeconds)},
		banned:   bans[uint64]{most: maxRemembered, lasts: seconds(l.Flapping.BanSeconds)},
	}
}

// refuse counts a refusal, and logs it now and then; of a ban its beginning has been logged. mu is held.
func (g *Guard) refuse(why Reason, from netip.Prefix, now time.Time) Reason {
	g.refused[why]++
	if why == AddressBanned || why == ClientBanned {
		return why
	}
	if g.logged[why].IsZero() || now.Sub(g.logged[why]) >= logEvery {
		g.logged[why] = now
		g.news = &news{"connections are refused", []any{"reason", why.String(), "peer", from.String(), "refused_total", g.refused[why]}}
	}
	return why
}

// Listeners are how many connections each listener has now.
func (g *Guard) Listeners() map[string]int32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.listeners)
}

// UserConnections are how many connections each of some users has now.
func (g *Guard) UserConnections(users []string) []int32 {
	counts := make([]int32, len(users))
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, user := range users {
		counts[i] = g.users[user]
	}
	return counts
}

// Banned reports whether an address is banned for wrong passwords.
func (g *Guard) Banned(from netip.Prefix, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return from.IsValid() && g.shunned.has(from, now)
}

// Failed counts a wrong password that came from an address by another way than a connection of the Guard's.
func (g *Guard) Failed(from netip.Prefix, now time.Time) {
	g.mu.Lock()
	defer g.unlock()
	g.failure(from, now)
}

// Stats are a Guard's counters. The uint64 ones count since it was made.
type Stats struct {
	Refused                        [Reasons]uint64 // connections
	FailedAuthentications          uint64
	AddressBans, ClientBans        uint64
	BannedAddresses, BannedClients int64 // now
}

// Stats are the counters now.
func (g *Guard) Stats(now time.Time) Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Stats{
		Refused: g.refused, FailedAuthentications: g.failed, AddressBans: g.shunned.total, ClientBans: g.banned.total,
		BannedAddresses: g.shunned.count(now), BannedClients: g.banned.count(now),
	}
}

// Configure holds connections to other limits from now on, with their defaults. Who is banned stays so, for no longer than a
// ban lasts now, and not at all where nobody is to be banned any more.
func (g *Guard) Configure(l config.Limits, now time.Time) {
	g.mu.Lock()
	defer g.unlock()
	if l.ConnectionsPerSecond != g.limits.ConnectionsPerSecond {
		g.rate = NewBucket(int64(l.ConnectionsPerSecond), now)
	}
	if l.ConnectionsPerSecondPerAddress != g.limits.ConnectionsPerSecondPerAddress {
		g.rates = recent[netip.Prefix, Bucket]{most: maxRemembered}
	}
	g.shunned.reform(l.FailedAuthentications, now)
	g.banned.reform(l.Flapping, now)
	g.limits = l
}
