package server

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/inspect"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// inspector answers the admin API. What takes a lock there holds it for memory work only, and for one client or one shard
// of them at a time.
type inspector struct{ srv *Server }

// Overview implements admin.Broker.
func (i inspector) Overview() admin.Facts {
	s := i.srv
	m, process, now := s.Metrics(), inspect.ReadProcess(), s.now()
	f := admin.Facts{
		Overview: api.Overview{
			Time: now.UTC().Truncate(time.Millisecond), UptimeSeconds: int64(m.Uptime / time.Second),
			Connections: m.Connections, Sessions: m.Sessions, Subscriptions: m.Subscriptions, Retained: m.Retained,
			QueuedMessages: m.QueuedMessages, QueuedBytes: m.QueuedBytes,
			Received: trafficTo(m.Received.Packets, m.Received.Bytes, m.Received.PayloadBytes),
			Sent:     trafficTo(m.Sent.Packets, m.Sent.Bytes, m.Sent.PayloadBytes),
			Dropped:  m.Dropped, Refused: m.Refused, FailedAuthentications: m.FailedAuthentications, Denied: denied(m.Denials),
			MemoryBytes: process.MemoryBytes, MemoryLimitBytes: process.MemoryLimitBytes, CPUSeconds: process.CPUSeconds, Cores: process.Cores,
			Listeners: i.listeners(),
		},
		AuthFailure: s.auth.Failure(), AuthLoaded: s.auth.Loaded(),
		Throttled: m.Throttled, BannedClients: m.Bans["client"], BannedAddresses: m.Bans["address"],
		FailedHandshakes: handshakes(m.Handshakes),
		QueuedBytesLimit: s.cfg.MQTT.MaxQueuedBytesTotal, ConnectionsLimit: int64(s.live.Load().Limits.MaxConnections),
		Before: s.trend.minuteAgo(),
	}
	if s.onDisk() && s.opened.Load() {
		f.Store = &api.Store{
			Healthy: m.StoreUp, Writes: m.StoreWrites, Records: m.StoreRecords, Syncs: m.StoreSyncs.Count(), SyncSeconds: m.StoreSyncs.Sum.Seconds(),
			DiskBytes: m.StoreDiskBytes,
		}
		if err := s.store.Health(); err != nil {
			f.StoreFailure = err.Error()
		}
		f.Store.DiskFreeBytes, f.DiskBytes = s.diskSpace(m.StoreDiskBytes)
	}
	return f
}

// diskSpace is what the store, which has taken used bytes, may take still, and in all. 0: not known.
func (s *Server) diskSpace(used uint64) (free, all uint64) {
	var fs unix.Statfs_t
	if unix.Statfs(s.cfg.Store.Dir, &fs) != nil {
		return 0, 0
	}
	free, all = fs.Bavail*uint64(fs.Bsize), fs.Blocks*uint64(fs.Bsize)
	if limit := uint64(s.live.Load().Store.MaxBytes); limit > 0 && limit < used+free {
		free, all = limit-min(limit, used), limit
	}
	return free, all
}

// trafficTo is what went one way, of packets by the names of their types.
func trafficTo(packets map[string]uint64, bytes, payload uint64) api.Traffic {
	t := api.Traffic{Bytes: bytes, PayloadBytes: payload, Messages: packets["publish"]}
	for _, n := range packets {
		t.Packets += n
	}
	return t
}

func (i inspector) listeners() []api.Listener {
	list := make([]api.Listener, 0, len(i.srv.cfg.Listeners))
	open := i.srv.guard.Listeners()
	i.srv.mu.Lock()
	defer i.srv.mu.Unlock()
	for k := range i.srv.cfg.Listeners {
		cfg := &i.srv.cfg.Listeners[k]
		l := api.Listener{Name: cfg.Name, Protocol: string(cfg.Protocol), Path: cfg.Path, Connections: int64(open[cfg.Name])}
		if ln := i.srv.listeners[cfg.Name]; ln != nil {
			l.Address = ln.Addr().String()
			if at := ln.CertificateExpires(); !at.IsZero() {
				l.CertificateExpires = new(at.UTC())
			}
		}
		list = append(list, l)
	}
	return list
}

// trendEvery is how often a sample is taken, and trendKept how many are kept: a minute's.
const (
	trendEvery = 10 * time.Second
	trendKept  = 7
)

// trend is what counters were in the last minute, so that what has just gone wrong can be told from what once did.
type trend struct{ samples chan []admin.Counters } // holds one value, which who takes it puts back

func newTrend() trend {
	t := trend{make(chan []admin.Counters, 1)}
	t.samples <- nil
	return t
}

// minuteAgo is the oldest sample; zero: there is none.
func (t trend) minuteAgo() (oldest admin.Counters) {
	kept := <-t.samples
	if len(kept) > 0 {
		oldest = kept[0]
	}
	t.samples <- kept
	return oldest
}

func (t trend) add(c admin.Counters) {
	kept := append(<-t.samples, c)
	t.samples <- kept[max(0, len(kept)-trendKept):]
}

// tell begins what tells people of the broker: the $SYS topics, and, if there is an admin API, the samples for that. It runs until ctx is done; the
// function that it returns ends what is not over then.
func (s *Server) tell(ctx context.Context, running *sync.WaitGroup) (end func()) {
	running.Go(func() { s.sys.run(ctx) })
	if s.cfg.Admin.Address == "" {
		return func() {}
	}
	s.sample()
	running.Go(func() { s.watchTrend(ctx) })
	return s.watch.Stop
}

// denied is how many publishes and subscriptions access rules have denied, of all denials by action.
func denied(by map[string]uint64) uint64 {
	return by[denialNames[deniedPublish]] + by[denialNames[deniedSubscribe]]
}

// handshakes is how many of TLS have failed, of all listeners.
func handshakes(failed map[string]uint64) (n uint64) {
	for _, k := range failed {
		n += k
	}
	return n
}

// watchTrend takes samples until ctx is done; the first has been taken.
func (s *Server) watchTrend(ctx context.Context) {
	ticker := time.NewTicker(trendEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.sample()
		case <-ctx.Done():
			return
		}
	}
}

// sample takes a sample, and gives the rules that have decided something since the last one the time.
func (s *Server) sample() {
	m := s.Metrics()
	s.trend.add(admin.Counters{Time: s.now(), Dropped: m.Dropped, Refused: m.Refused, FailedAuthentications: m.FailedAuthentications,
		FailedHandshakes: handshakes(m.Handshakes), Denied: denied(m.Denials)})
	s.auth.Policy().StampUsage(s.now())
}

// traceIn shows a packet that was read to those who trace.
func (c *conn) traceIn(h packet.Header, body []byte, size int) {
	c.srv.tracer.Packet(true, &inspect.Peer{
		Client: c.client.id, User: c.identity.Username(), Version: c.peer.version,
		Alias: func(alias uint16) string {
			if r := c.routes.aliased(alias); alias > 0 && r != nil {
				return r.topic
			}
			return ""
		},
	}, h, body, size)
}

// traceOut shows what is about to be written, which is whole packets. A topic alias that stands for another topic from a
// later packet of the same write on is shown as that.
func (w *writer) traceOut() {
	cl := w.c.client
	peer := inspect.Peer{Client: cl.id, User: cl.identity.Load().Username(), Version: w.c.peer.version, Alias: w.c.sess.AliasTopic}
	if !w.c.srv.tracer.Wants(&peer) {
		return
	}
	var all []byte
	for i := range w.segs {
		all = append(all, w.segs[i].Bytes...)
	}
	w.c.srv.tracer.Packets(false, &peer, all)
}

// says is a client that has not been let in, as it names itself.
func (c *conn) says(p *packet.Connect) *inspect.Peer {
	return &inspect.Peer{Client: p.ClientID, User: p.Username, Version: c.peer.version}
}
