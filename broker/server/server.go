package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/audit"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/inspect"
	"github.com/dunlin-mqtt/dunlin/broker/limit"
	"github.com/dunlin-mqtt/dunlin/broker/listener"
	"github.com/dunlin-mqtt/dunlin/broker/otlp"
	"github.com/dunlin-mqtt/dunlin/broker/poll"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
	"github.com/dunlin-mqtt/dunlin/broker/traffic"
)

// Deps are what a Server takes from outside. The zero value works.
type Deps struct {
	// Logger takes the broker's log. nil: none.
	Logger *slog.Logger
	// Version is told by the admin API.
	Version string
	// ConfigRevision identifies the configuration to whoever has written it; the admin API tells it.
	ConfigRevision string
	// Audit takes the audit log, where the configuration asks for one and names no file. nil: standard output.
	Audit io.Writer
	// Now is the wall clock, for message expiry. nil: time.Now.
	Now func() time.Time
}

// Server is one broker.
type Server struct {
	cfg     config.Config
	live    atomic.Pointer[config.Config] // cfg with what Configure has changed since
	limits  session.Limits
	log     *slog.Logger
	now     func() time.Time
	version string
	started time.Time

	auth  *auth.Auth
	store store.Store

	openDisk        func(disk.Options) (store.Store, error)
	checkpointEvery uint64   // records of a partition
	journal         *journal // nil: sessions live in memory only
	recovered       []*client
	resumed         sync.Once
	clients         registry
	census          census
	received        traffic.Counter // from all clients; what is sent, limits counts
	sys             *sysTopics      // nil: there are none
	tracer          inspect.Tracer
	spans           *otlp.Exporter // nil: nobody wants any
	watch           inspect.Topics
	denials         inspect.Denials
	audits          auditLines
	trend           trend
	measures        measures
	auditOutput     io.Writer
	audit           *audit.Log // nil: there is none
	deadlines       deadlines[*client]
	guard           *limit.Guard
	turns           turns
	poller          *poll.Poller // nil: each connection waits for itself
	workers         workers
	arrivals        deadlines[*arrival]  // when CONNECT is to have come
	alive           deadlines[*conn]     // when to look whether something has come
	pauses          deadlines[*throttle] // of readers
	proofs          deadlines[*proof]    // when a client's certificate expires
	leases          deadlines[*lease]    // when a client's token does
	throttled       atomic.Int64         // that pause now
	pausesTotal     atomic.Uint64
	expiry          expiry
	index           *topic.Filters[*subscription]
	shares          shares
	late            lateWills

	mu        sync.Mutex
	conns     map[*conn]struct{}
	listeners map[string]*listener.Listener
	closing   bool

	ready   chan struct{}
	phase   atomic.Value // string: what the broker does before it serves; "": it serves
	restart context.CancelFunc

	reloading      sync.Mutex     // who holds clients to what they may
	configurable   chan struct{}  // closed when Configure can work
	configRevision atomic.Value   // string: Deps.ConfigRevision, or the last that Configure was told
	opened         atomic.Bool    // the store is
	restored       atomic.Bool    // another store is staged, to be opened at the next start
	running        sync.WaitGroup // connections
}

// New makes a broker of a validated configuration. It does no I/O.
func New(cfg config.Config, deps Deps) (*Server, error) {
	cfg = cfg.Defaulted()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: deps.Logger, now: deps.Now, version: deps.Version,
		limits: session.Limits{
			MaxInflight: int(cfg.MQTT.MaxInflight), MaxQueued: int(cfg.MQTT.MaxQueuedMessages),
			MaxQueuedBytes: cfg.MQTT.MaxQueuedBytes, MaxHeldBytes: cfg.MQTT.MaxQueuedBytesTotal,
			Policy: policies[cfg.MQTT.QueuePolicy], MaxOutbound: int(cfg.MQTT.MaxOutboundBytes),
		},
		openDisk:        openDisk,
		checkpointEvery: defaultCheckpointEvery,

		index:     topic.NewFilters[*subscription](),
		conns:     make(map[*conn]struct{}),
		listeners: make(map[string]*listener.Listener),
		trend:     newTrend(),
		ready:     make(chan struct{}),

		configurable: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = slog.New(bounded{s.log.Handler()})
	if s.now == nil {
		s.now = time.Now
	}
	s.started, s.auditOutput = s.now(), deps.Audit
	s.phase.Store("starting")
	s.live.Store(&s.cfg)
	s.configRevision.Store(deps.ConfigRevision)
	s.deadlines.now, s.proofs.now, s.leases.now, s.arrivals.now, s.alive.now, s.pauses.now = s.now, s.now, s.now, s.steady, s.steady, s.steady
	s.arrivals.lazy, s.alive.lazy = true, true
	s.expiry.srv, s.late.srv = s, s
	s.guard = limit.NewGuard(cfg.Limits, s.log, s.started)
	s.clients.init()
	s.measures.init(cfg.Listeners)
	s.shares.init(s)
	s.spans = s.newSpans()
	if *cfg.MQTT.SysTopics.Enabled {
		s.sys = newSysTopics(s)
	}
	return s, nil
}

// steady is the time by a clock that nobody sets: what is to happen in a while does, whatever becomes of the wall clock.
func (s *Server) steady() time.Time { return s.started.Add(s.now().Sub(s.started)) }

var policies = map[config.QueuePolicy]session.Policy{
	config.DropOldest: session.DropOldest, config.DropNewest: session.DropNewest, config.Refuse: session.Refuse,
}

// Ready is closed once every listener accepts.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is the address that a listener is bound to; nil before Ready and for an unknown name.
func (s *Server) Addr(name string) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ln := s.listeners[name]; ln != nil {
		return ln.Addr()
	}
	return nil
}

// ErrRestored is what Run returns when another store has been put in place of this one: a new Server
// of the same configuration is to be run.
var ErrRestored = errors.New("another store has been restored")

// Run opens the store, reads users and rules, listens, and serves until ctx is done; then it is not
// ready, accepts nobody, tells the clients at config.Drain's pace (MQTT 5: 0x8B), closes everything and
// returns nil. It may be called once.
func (s *Server) Run(ctx context.Context) (err error) {
	ctx, s.restart = context.WithCancel(ctx)
	defer s.restart()
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx)) // for what goes on while clients leave
	defer stop()
	if err := s.openFiles(); err != nil {
		return err
	}
	defer s.startAudit()()
	failed := make(chan error, len(s.cfg.Listeners)+2)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop()
	background.Go(func() { failed <- s.serveAdmin(lasting) }) // first: it tells how far the start has come
	if s.spans != nil {
		background.Go(func() { s.spans.Run(lasting) })
	}
	if err := s.openStore(ctx); err != nil {
		return err
	}
	s.opened.Store(true)
	defer func() {
		if err = errors.Join(err, s.store.Close()); err == nil && s.restored.Load() {
			err = ErrRestored
		}
	}()
	defer s.startJournal()()
	defer s.stopTimers()
	defer s.endWaiting()
	if err := s.beginWaiting(); err != nil {
		return err
	}
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	s.resumeLoaded()
	s.expiry.due()
	close(s.configurable)
	background.Go(func() { failed <- s.auth.Run(lasting, s.policyChanged) })
	defer s.tell(lasting, &background)()
	for l, ln := range listeners {
		background.Go(func() { failed <- s.accept(ctx, &s.cfg.Listeners[l], ln) })
	}
	s.phase.Store("")
	close(s.ready)
	err = lasts(ctx, failed)
	s.phase.Store("stopping")
	s.restart()
	err = errors.Join(err, closeAll(listeners))
	if err == nil && !s.restored.Load() {
		s.drain()
	}
	stop()
	background.Wait()
	s.shutdown()
	s.shares.stop()
	return err
}

// openFiles reads users and rules and opens the audit log.
func (s *Server) openFiles() (err error) {
	if s.auth, err = auth.Open(s.cfg, s.log); err != nil {
		return err
	}
	return s.openAudit(s.auditOutput)
}

// lasts waits until ctx is done, or something has failed, which it returns.
func lasts(ctx context.Context, failed <-chan error) (err error) {
	for err == nil && ctx.Err() == nil {
		select {
		case err = <-failed:
		case <-ctx.Done():
		}
	}
	return err
}

// closeAll has nobody accepted any more.
func closeAll(listeners []*listener.Listener) (err error) {
	for _, ln := range listeners {
		err = errors.Join(err, ignoreClosed(ln.Close()))
	}
	return err
}

// startJournal starts the applier; the function that it returns stops it.
func (s *Server) startJournal() (stop func()) {
	if s.journal == nil {
		return func() {}
	}
	var running sync.WaitGroup
	done := make(chan struct{})
	running.Go(func() { s.journal.run(done) })
	return func() {
		s.journal.stopLazy()
		close(done)
		running.Wait()
	}
}

func (s *Server) listen(ctx context.Context) ([]*listener.Listener, error) {
	var listeners []*listener.Listener
	for _, l := range s.cfg.Listeners {
		ln, err := listener.Listen(ctx, l, s.log)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close() // the error that matters is err
			}
			return nil, err
		}
		ln.TrustChanged(func() { s.trustChanged(ln) })
		listeners = append(listeners, ln)
		s.mu.Lock()
		s.listeners[l.Name] = ln
		s.mu.Unlock()
		s.log.Info("listening", "listener", l.Name, "protocol", string(l.Protocol), "address", ln.Addr().String())
	}
	return listeners, nil
}

// accept serves a listener until it is closed.
func (s *Server) accept(ctx context.Context, l *config.Listener, ln *listener.Listener) error {
	for {
		nc, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accept on listener %s: %w", l.Name, err)
		}
		c := newConn(ctx, s, l, nc)
		c.gate = ln
		if !c.enter(ln.Trusts(nc.RemoteAddr())) || !s.track(c) { // it is one too many, or the server is shutting down
			c.ticket.Leave()
			_ = nc.Close()
			continue
		}
		c.arrive()
	}
}

// track counts a connection in; false once the server is shutting down.
func (s *Server) track(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.conns[c] = struct{}{}
	s.census.sockets.Add(1)
	s.running.Add(1)
	return true
}

func (s *Server) untrack(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	c.ticket.Leave()
	s.running.Done()
}

// connections is a snapshot of the open ones.
func (s *Server) connections() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
