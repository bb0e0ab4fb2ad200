package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// WrapStore puts wrap's store in front of the one on disk.
func (s *Server) WrapStore(wrap func(store.Store) store.Store) {
	open := s.openDisk
	s.openDisk = func(o disk.Options) (store.Store, error) {
		opened, err := open(o)
		if err != nil {
			return nil, err
		}
		return wrap(opened), nil
	}
}

// CheckpointEvery sets how many records of a partition there are between two checkpoints.
func (s *Server) CheckpointEvery(records uint64) { s.checkpointEvery = records }

// Leases are how many connections end with a token.
func (s *Server) Leases() int {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	return len(s.leases.heap)
}

// Serve serves a connection as one that a listener has accepted.
func (s *Server) Serve(ctx context.Context, nc net.Conn) {
	if c := newConn(ctx, s, &s.cfg.Listeners[0], mqtttest.Pipe(nc)); c.enter(false) && s.track(c) {
		c.arrive()
	}
}

// Backup is what the admin API calls.
func (s *Server) Backup(ctx context.Context, w io.Writer) error { return s.backup(ctx, w) }

// Restore is what the admin API calls.
func (s *Server) Restore(ctx context.Context, r io.Reader) error { return s.restore(ctx, r) }

// NotReady is what /readyz says.
func (s *Server) NotReady() error { return s.notReady() }

// Connections are all that are open, also those that have not come in.
func (s *Server) Connections() int { return len(s.connections()) }

// CheckKeepAlives looks at every connection as its keep alive timer does.
func (s *Server) CheckKeepAlives() {
	for _, c := range s.connections() {
		c.due(0)
	}
}

// EndPauses wakes the readers whose time has come, as their timer does.
func (s *Server) EndPauses() { s.pauses.fire() }

// Bare has the broker listen nowhere; connections come by Accept.
func (s *Server) Bare() { s.cfg.Listeners = nil }

// Accept serves what ln accepts until it is closed.
func (s *Server) Accept(ctx context.Context, ln net.Listener) error {
	l := &config.Listener{ListenerSettings: config.ListenerSettings{Name: "bare"}}
	for {
		nc, err := ln.Accept()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		c := newConn(ctx, s, l, mqtttest.Pipe(nc))
		if !c.enter(false) || !s.track(c) {
			c.ticket.Leave()
			_ = nc.Close()
			continue
		}
		c.arrive()
	}
}

// KeepIn puts st in the place of the store on disk.
func (s *Server) KeepIn(st store.Store) {
	s.openDisk = func(disk.Options) (store.Store, error) { return st, nil }
}

// SysTick is an interval of the $SYS topics.
func (s *Server) SysTick() { s.sys.tick() }

// Moving says whether messages of shared subscriptions are being moved, or are to be.
func (s *Server) Moving() bool {
	s.shares.mover.mu.Lock()
	defer s.shares.mover.mu.Unlock()
	return s.shares.running
}

// Traced says whether anybody traces.
func (s *Server) Traced() bool { return s.tracer.On() }

// Populate adds sessions of clients that are away.
func (s *Server) Populate(sessions int) {
	for n := range sessions {
		cl := s.clients.get(s, fmt.Sprintf("client-%06d", n))
		cl.identity.Store(auth.Recall(cl.id, "", true))
		cl.used, cl.left = true, s.now().UnixMilli()
	}
}

// PublishLateWills tries wills that could not be stored again, as their timer does.
func (s *Server) PublishLateWills() { s.late.publish() }

// LateWills is how many wait for that.
func (s *Server) LateWills() int {
	s.late.mu.Lock()
	defer s.late.mu.Unlock()
	return len(s.late.byClient)
}

// Disconnect is what the admin API calls.
func (s *Server) Disconnect(ctx context.Context, id string, end bool) error {
	return inspector{s}.Disconnect(ctx, id, end)
}

// ListPrevious names connections with a password of before.
func (s *Server) ListPrevious(limit int) []api.PreviousPassword { return s.listPrevious(limit) }
