package limit

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

var (
	home  = netip.MustParsePrefix("192.0.2.1/32")
	other = netip.MustParsePrefix("192.0.2.2/32")
)

// guarded is a Guard at a time that the test sets, and what it logs.
type guarded struct {
	*Guard
	t   *testing.T
	now time.Time
	log bytes.Buffer
}

func guard(t *testing.T, l config.Limits) *guarded {
	g := &guarded{t: t, now: noon}
	l = config.Config{Limits: l}.Defaulted().Limits
	g.Guard = NewGuard(l, slog.New(slog.NewTextHandler(&g.log, nil)), g.now)
	return g
}

// enter lets a connection in from an address, and fails if the answer is another one.
func (g *guarded) enter(from netip.Prefix, want Reason) *Ticket {
	g.t.Helper()
	ticket := new(Ticket)
	if !g.Enter(ticket, "mqtt", 0, from, g.now) {
		g.t.Fatal("closed unheard")
	}
	if got := ticket.Refused(g.now); got != want {
		g.t.Fatalf("refused for %v, want %v", got, want)
	}
	return ticket
}

// connect is enter of a client that authenticates.
func (g *guarded) connect(user, id string, most int32, want Reason) *Ticket {
	g.t.Helper()
	ticket := g.enter(home, None)
	if got := ticket.Connect(user, id, most, false, g.now); got != want {
		g.t.Fatalf("refused for %v, want %v", got, want)
	}
	return ticket
}

func (g *guarded) passes(d time.Duration) { g.now = g.now.Add(d) }

// peeking is a log that looks whether it is written to under a Guard's lock.
type peeking struct {
	slog.Handler
	guard *Guard
	t     *testing.T
	said  []string
}

// Handle implements slog.Handler.
func (p *peeking) Handle(_ context.Context, r slog.Record) error {
	p.said = append(p.said, r.Message)
	if !p.guard.mu.TryLock() {
		p.t.Errorf("%q is logged under the lock", r.Message)
		return nil
	}
	p.guard.mu.Unlock()
	return nil
}

// TestLogsUnlocked: a log that is slow keeps nobody else out.
func TestLogsUnlocked(t *testing.T) {
	ban := config.Ban{Attempts: 1}
	g := guard(t, config.Limits{MaxConnectionsPerAddress: 3, Flapping: ban, FailedAuthentications: ban})
	log := &peeking{Handler: slog.NewTextHandler(&g.log, nil), guard: g.Guard, t: t}
	g.Guard.log = slog.New(log)
	g.connect("ann", "a", 0, None)
	g.connect("ann", "a", 0, ClientBanned)
	ticket := g.enter(home, None)
	g.enter(home, AddressConnections)
	ticket.Failed(g.now)
	ticket.Failed(g.now)
	want := []string{"client banned: it connects too often", "connections are refused", "address banned: too many wrong passwords"}
	if diff := cmp.Diff(want, log.said); diff != "" {
		t.Error(diff)
	}
}

// empty fails if something is still counted.
func (g *guarded) empty() {
	g.t.Helper()
	if g.total != 0 || g.told != 0 || len(g.listeners)+len(g.users)+len(g.addresses) != 0 {
		g.t.Errorf("left behind: %d, %d told, %v, %v, %v", g.total, g.told, g.listeners, g.users, g.addresses)
	}
}

// TestConnections: as many as there may be, one more is refused, and one that leaves makes room for one.
func TestConnections(t *testing.T) {
	for _, test := range []struct {
		why    Reason
		limits config.Limits
		most   int32
	}{
		{Connections, config.Limits{MaxConnections: 2}, 0},
		{AddressConnections, config.Limits{MaxConnectionsPerAddress: 2}, 0},
		{ListenerConnections, config.Limits{}, 2},
	} {
		t.Run(test.why.String(), func(t *testing.T) {
			g := guard(t, test.limits)
			var one, two, three Ticket
			for _, ticket := range []*Ticket{&one, &two} {
				if !g.Enter(ticket, "mqtt", test.most, home, g.now) || ticket.Refused(g.now) != None {
					t.Fatalf("below the limit: %v", ticket.Refused(g.now))
				}
			}
			if !g.Enter(&three, "mqtt", test.most, home, g.now) || three.Refused(g.now) != test.why {
				t.Fatalf("beyond the limit: %v", three.Refused(g.now))
			}
			one.Leave()
			one.Leave() // makes no further room
			three.Leave()
			for _, want := range []Reason{None, test.why} {
				if !g.Enter(&three, "mqtt", test.most, home, g.now) || three.Refused(g.now) != want {
					t.Fatalf("after one has left: %v, want %v", three.Refused(g.now), want)
				}
				if want == None {
					one = three
				}
			}
			if got := g.Stats(g.now).Refused[test.why]; got != 2 {
				t.Errorf("%d refused", got)
			}
			if n := strings.Count(g.log.String(), "\n"); n != 1 || !strings.Contains(g.log.String(), test.why.String()) {
				t.Errorf("logged %d times:\n%s", n, g.log.String())
			}
			one.Leave()
			two.Leave()
			three.Leave()
			g.empty()
		})
	}
}

// TestOthersAreNotConcerned: a limit of an address, a user or a listener is each one's own.
func TestOthersAreNotConcerned(t *testing.T) {
	g := guard(t, config.Limits{MaxConnectionsPerAddress: 1, ConnectionsPerSecondPerAddress: 1})
	g.enter(home, None)
	g.enter(home, AddressConnections)
	g.enter(other, None)
	g.enter(netip.Prefix{}, None) // a proxy, a unix socket
	g.enter(netip.Prefix{}, None)
	if !g.Enter(new(Ticket), "a", 1, netip.Prefix{}, g.now) || !g.Enter(new(Ticket), "b", 1, netip.Prefix{}, g.now) {
		t.Error("another listener is full too")
	}
}

// TestFlood: a bounded number is open to be told no, the rest is closed unheard.
func TestFlood(t *testing.T) {
	g := guard(t, config.Limits{MaxConnections: 1})
	first := g.enter(home, None)
	told := make([]*Ticket, maxTold)
	for i := range told {
		told[i] = g.enter(home, Connections)
	}
	var beyond Ticket
	if g.Enter(&beyond, "mqtt", 0, home, g.now) {
		t.Error("one more is open")
	}
	beyond.Leave() // does no harm
	told[0].Leave()
	told[0] = g.enter(home, Connections)
	for _, ticket := range append(told, first) {
		ticket.Leave()
	}
	g.empty()
	if got := g.Stats(g.now).Refused[Connections]; got != maxTold+2 {
		t.Errorf("%d counted", got)
	}
}

func TestConnectionRate(t *testing.T) {
	for _, test := range []struct {
		why    Reason
		limits config.Limits
	}{
		{ConnectionRate, config.Limits{ConnectionsPerSecond: 2}},
		{AddressRate, config.Limits{ConnectionsPerSecondPerAddress: 2}},
	} {
		t.Run(test.why.String(), func(t *testing.T) {
			g := guard(t, test.limits)
			g.enter(home, None).Leave()
			g.enter(home, None).Leave()
			g.enter(home, test.why).Leave()
			g.passes(499 * time.Millisecond)
			g.enter(home, test.why).Leave()
			g.passes(time.Millisecond)
			g.enter(home, None).Leave()
			g.enter(home, test.why).Leave()
		})
	}
}

// TestUserConnections: the user's bound is given by who asks; anonymous clients have none.
func TestUserConnections(t *testing.T) {
	g := guard(t, config.Limits{})
	one := g.connect("ann", "1", 2, None)
	two := g.connect("ann", "2", 2, None)
	three := g.connect("ann", "3", 2, UserConnections)
	bob := g.connect("bob", "3", 2, None)
	nobody := g.connect("", "4", 0, None)
	takeover := g.enter(home, None)
	if why := takeover.Connect("ann", "2", 2, true, g.now); why != None {
		t.Errorf("a takeover is refused: %v", why)
	}
	two.Leave()
	g.connect("ann", "5", 2, UserConnections).Leave()
	takeover.Leave()
	last := g.connect("ann", "6", 2, None)
	for _, ticket := range []*Ticket{one, three, bob, nobody, last} {
		ticket.Leave()
	}
	g.empty()
}

// TestFlapping: one connect too many within the window begins a ban, which ends by itself.
func TestFlapping(t *testing.T) {
	g := guard(t, config.Limits{Flapping: config.Ban{Attempts: 3, WindowSeconds: 10, BanSeconds: 20}})
	for range 3 {
		g.connect("ann", "c", 0, None).Leave()
	}
	g.passes(10 * time.Second) // a new window
	for range 3 {
		g.connect("ann", "c", 0, None).Leave()
	}
	g.passes(9 * time.Second)
	for range 3 {
		g.connect("ann", "c", 0, ClientBanned).Leave()
	}
	g.connect("ann", "another", 0, None).Leave()
	g.connect("bob", "c", 0, None).Leave()
	if s := g.Stats(g.now); s.BannedClients != 1 || s.ClientBans != 1 || s.Refused[ClientBanned] != 3 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(g.log.String(), "\n"); n != 1 || !strings.Contains(g.log.String(), "client_id=c") {
		t.Errorf("a ban is to be logged once:\n%s", g.log.String())
	}
	g.passes(20*time.Second - 1)
	g.connect("ann", "c", 0, ClientBanned).Leave()
	g.passes(1)
	for range 3 {
		g.connect("ann", "c", 0, None).Leave()
	}
	if s := g.Stats(g.now); s.BannedClients != 0 || s.ClientBans != 1 {
		t.Errorf("after its end: %+v", s)
	}
}

// TestShortBan: after a ban that is shorter than the window it was earned in, counting begins anew.
func TestShortBan(t *testing.T) {
	g := guard(t, config.Limits{Flapping: config.Ban{Attempts: 1, WindowSeconds: 10, BanSeconds: 2}})
	for range 2 {
		g.connect("ann", "c", 0, None).Leave()
		g.connect("ann", "c", 0, ClientBanned).Leave()
		g.passes(2 * time.Second)
	}
}

// TestRecent: the one not asked for for longest is forgotten.
func TestRecent(t *testing.T) {
	r := recent[string, int]{most: 2}
	for i, key := range []string{"a", "b", "a", "c", "a"} {
		*r.get(key, func() int { return 100 * i })++
	}
	if got := *r.get("a", func() int { return -1 }); got != 3 {
		t.Errorf("a = %d: it was forgotten", got)
	}
	if got := *r.get("b", func() int { return -1 }); got != -1 {
		t.Errorf("b = %d: it was not forgotten", got)
	}
}

// TestFailedAuthentications: one wrong password too many, and nothing more is heard from there.
func TestFailedAuthentications(t *testing.T) {
	g := guard(t, config.Limits{FailedAuthentications: config.Ban{Attempts: 2, WindowSeconds: 10, BanSeconds: 20}})
	fail := func(from netip.Prefix) {
		t.Helper()
		ticket := g.enter(from, None)
		ticket.Failed(g.now)
		ticket.Leave()
	}
	stays := g.enter(home, None)
	fail(home)
	fail(home)
	g.passes(10 * time.Second)
	fail(home)
	fail(home)
	fail(other)
	fail(home) // the third
	var banned Ticket
	if g.Enter(&banned, "mqtt", 0, home, g.now) {
		t.Error("the address is let in")
	}
	for range 3 {
		stays.Failed(g.now) // does not prolong it
	}
	if why := stays.Refused(g.now); why != AddressBanned {
		t.Errorf("who was there before and connects now: %v", why)
	}
	proxied := g.enter(netip.Prefix{}, None)
	if proxied.From(home, g.now) {
		t.Error("by a proxy, the address is let in")
	}
	for range 9 { // behind a proxy that does not tell
		proxied.Failed(g.now)
	}
	g.enter(netip.Prefix{}, None)
	g.enter(other, None)
	if s := g.Stats(g.now); s.BannedAddresses != 1 || s.AddressBans != 1 || s.FailedAuthentications != 18 || s.Refused[AddressBanned] != 3 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(g.log.String(), "\n"); n != 1 || !strings.Contains(g.log.String(), "peer=192.0.2.1/32") {
		t.Errorf("a ban is to be logged once:\n%s", g.log.String())
	}
	g.passes(20 * time.Second)
	fail(home)
	fail(home)
	g.enter(home, None)
}

// TestFrom: what a proxy says of its client's address counts as if it had been known at once.
func TestFrom(t *testing.T) {
	g := guard(t, config.Limits{MaxConnectionsPerAddress: 1, ConnectionsPerSecondPerAddress: 2})
	one, two := g.enter(netip.Prefix{}, None), g.enter(netip.Prefix{}, None)
	for _, r := range []struct {
		from *Ticket
		want Reason
	}{{one, None}, {two, AddressConnections}} {
		if !r.from.From(home, g.now) || r.from.Refused(g.now) != r.want {
			t.Errorf("%v, want %v", r.from.Refused(g.now), r.want)
		}
	}
	one.Leave()
	two.Leave()
	next := g.enter(netip.Prefix{}, None)
	if !next.From(home, g.now) || next.Refused(g.now) != None {
		t.Errorf("with room: %v", next.Refused(g.now))
	}
	next.Leave()
	three := g.enter(netip.Prefix{}, None)
	if !three.From(home, g.now) || three.Refused(g.now) != AddressRate {
		t.Errorf("too soon: %v", three.Refused(g.now))
	}
	told := []*Ticket{three}
	for range maxTold - 1 {
		told = append(told, g.enter(netip.Prefix{}, None))
		if !told[len(told)-1].From(home, g.now) {
			t.Fatal("closed unheard")
		}
	}
	beyond := g.enter(netip.Prefix{}, None)
	if beyond.From(home, g.now) {
		t.Error("one more is open to be told no")
	}
	for _, ticket := range append(told[1:], beyond) {
		ticket.Leave()
	}
	three.Leave()
	g.empty()
}

// TestTablesAreBounded: of very many addresses and clients the last ones are known.
func TestTablesAreBounded(t *testing.T) {
	once := config.Ban{Attempts: 1, WindowSeconds: 100, BanSeconds: 100}
	g := guard(t, config.Limits{ConnectionsPerSecondPerAddress: 3, Flapping: once, FailedAuthentications: once})
	const most, extra = 100, 10
	g.rates.most, g.failures.most, g.connects.most, g.shunned.most, g.banned.most = most, most, most, most, most
	for i := range most + extra {
		from := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		for range 2 {
			ticket := g.enter(from, None)
			ticket.Failed(g.now)
			ticket.Connect("", fmt.Sprint(i), 0, false, g.now)
			ticket.Leave()
		}
	}
	got := []int{len(g.rates.known), g.rates.order.Len(), len(g.failures.known), len(g.connects.known),
		len(g.shunned.in), len(g.shunned.queue), len(g.banned.in), len(g.banned.queue)}
	if diff := cmp.Diff(slices.Repeat([]int{most}, len(got)), got); diff != "" {
		t.Error(diff)
	}
	if g.shunned.has(netip.MustParsePrefix("10.0.0.9/32"), g.now) || !g.shunned.has(netip.MustParsePrefix("10.0.0.10/32"), g.now) {
		t.Error("it is not the oldest that went")
	}
	g.empty()
}

func TestNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7:1":            "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1":   "192.0.2.7/32",
		"[2001:db8:1:2:3::4]:99": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":       "fe80::/64",
	} {
		addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text))
		if got := Network(addr).String(); got != want {
			t.Errorf("Network(%s) = %s, want %s", text, got, want)
		}
	}
	for _, addr := range []net.Addr{&net.UnixAddr{Name: "/s", Net: "unix"}, &net.TCPAddr{}, nil} {
		if got := Network(addr); got.IsValid() {
			t.Errorf("Network(%v) = %v", addr, got)
		}
	}
}

// TestConfigure: other limits hold from now on; bans end when they would end now, or at once where nobody is banned any more.
func TestConfigure(t *testing.T) {
	ban := config.Ban{Attempts: 1, WindowSeconds: 60, BanSeconds: 300}
	g := guard(t, config.Limits{FailedAuthentications: ban})
	configure := func(l config.Limits) { g.Configure(config.Config{Limits: l}.Defaulted().Limits, g.now) }
	shun := func() {
		for range 2 {
			g.enter(home, None).Failed(g.now)
		}
		g.shut(home)
	}
	shun()
	ban.BanSeconds = 10
	configure(config.Limits{FailedAuthentications: ban})
	g.now = g.now.Add(9 * time.Second)
	g.shut(home)
	g.now = g.now.Add(2 * time.Second)
	shun()
	configure(config.Limits{})
	g.enter(home, None)
	configure(config.Limits{ConnectionsPerSecond: 1})
	g.enter(home, None)
	g.enter(home, ConnectionRate)
	configure(config.Limits{ConnectionsPerSecondPerAddress: 1})
	g.enter(home, None)
	g.enter(home, AddressRate)
	configure(config.Limits{ConnectionsPerSecondPerAddress: 2})
	g.enter(home, None)
	g.enter(home, None)
	g.enter(home, AddressRate)
}

// shut fails if a connection from an address is not closed unheard.
func (g *guarded) shut(from netip.Prefix) {
	g.t.Helper()
	if g.Enter(new(Ticket), "mqtt", 0, from, g.now) {
		g.t.Fatal("let in")
	}
}
