package server

import (
	"context"
	"errors"
	"io"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/limit"
	"github.com/dunlin-mqtt/dunlin/broker/metrics"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/console"
)

func (s *Server) serveAdmin(ctx context.Context) error {
	d := admin.Deps{
		Ready: s.notReady, AuthRevision: s.auth.Revision, ClientTrust: s.clientTrust, ConfigRevision: s.currentRevision,
		Version: s.version, Log: s.log, Metrics: metrics.New(s), Console: console.Handler(),
	}
	i := inspector{s}
	d.Broker, d.Clients, d.Topics, d.Access, d.SignIn, d.Tracer = i, i, i, i, i, &s.tracer
	d.PreviousPasswords = s.listPrevious
	if s.audit != nil {
		d.Audit = auditor{s.audit}
	}
	if s.onDisk() {
		d.Backup, d.Restore = s.backup, s.restore
	}
	return admin.Serve(ctx, s.cfg.Admin, d)
}

func (s *Server) currentRevision() string { return s.configRevision.Load().(string) }

// errStarting is the answer to what needs the store before it is open.
var errStarting = errors.New("the broker is starting: its store is not open yet")

// notReady says why the broker does not serve, or not all that it should; nil: it does.
func (s *Server) notReady() error {
	if phase := s.phase.Load().(string); phase != "" {
		return errors.New(phase)
	}
	if !s.auth.Loaded() {
		return errors.New("users and access rules have not been loaded")
	}
	return s.store.Health()
}

// backup writes what the store has to w.
func (s *Server) backup(ctx context.Context, w io.Writer) error {
	if !s.opened.Load() {
		return errStarting
	}
	source, ok := s.store.(interface {
		Backup(ctx context.Context, w io.Writer) error
	})
	if !ok {
		return errors.ErrUnsupported
	}
	return source.Backup(ctx, w)
}

// restore puts what backup has written in place of what the store has, and ends Run with ErrRestored.
func (s *Server) restore(ctx context.Context, r io.Reader) error {
	if !s.opened.Load() {
		return errStarting
	}
	if err := disk.Stage(ctx, s.cfg.Store.Dir, r); err != nil {
		return err
	}
	s.restored.Store(true)
	s.restart()
	return nil
}

// Metrics implements metrics.Source.
func (s *Server) Metrics() metrics.Snapshot {
	drops := &s.limits.Drops
	m := metrics.Snapshot{
		Version: s.version, Uptime: s.now().Sub(s.started),
		Received: trafficOf(s.received.Sum(), fromClients), Sent: trafficOf(s.limits.Sent.Sum(), toClients),
		Sockets: s.census.sockets.Load(), SessionsExpired: s.census.expired.Load(),
		Connected: s.census.connected.Load(), ConnectedMaximum: s.census.maximum.Load(),
		Sessions: s.clients.count(), Subscriptions: int64(s.index.Len()) + s.shares.more.Load(), SharedSubscriptions: s.shares.members(),
		QueuedMessages: s.limits.Held.Messages.Load(), QueuedBytes: s.limits.Held.Bytes.Load(),
		Dropped: map[string]uint64{
			metrics.DroppedQueueFull: drops.QueueFull.Load(), metrics.DroppedOutboxFull: drops.OutboxFull.Load(),
			metrics.DroppedExpired: drops.Expired.Load(), metrics.DroppedTooLarge: drops.TooLarge.Load(),
			metrics.DroppedRefused: drops.Refused.Load(), metrics.DroppedNoMember: drops.NoMember.Load(),
		},
	}
	m.PreviousPasswords = s.countPrevious()
	s.mu.Lock()
	m.Connections = int64(len(s.conns))
	s.mu.Unlock()
	s.limitMetrics(&m)
	s.measured(&m)
	if !s.opened.Load() {
		return m
	}
	st := s.store.Stats()
	m.StoreUp = s.store.Health() == nil
	m.StoreWrites, m.StoreRecords, m.StoreBytes = st.Writes, st.Records, st.Bytes
	m.StoreSyncs, m.StoreCommits, m.StoreDiskBytes = st.Syncs, st.Commits, st.DiskBytes
	m.Retained = int64(s.store.RetainedCount())
	return m
}

// limitMetrics is what is to be told of limits.
func (s *Server) limitMetrics(m *metrics.Snapshot) {
	m.Throttled, m.ThrottledTotal = s.throttled.Load(), s.pausesTotal.Load()
	st := s.guard.Stats(s.now())
	m.FailedAuthentications = st.FailedAuthentications
	m.Refused = make(map[string]uint64, len(st.Refused))
	for why := limit.None + 1; why < limit.Reasons; why++ {
		m.Refused[why.String()] = st.Refused[why]
	}
	m.Bans = map[string]int64{"address": st.BannedAddresses, "client": st.BannedClients}
	m.BansTotal = map[string]uint64{"address": st.AddressBans, "client": st.ClientBans}
}
