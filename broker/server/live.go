package server

import (
	"context"
	"reflect"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Configure takes what is live of a validated configuration (config.Config.Static says what is not) in
// place of what there was: nobody is disconnected but those who are not let in any more. The result
// says whether the rest of it is another one, for which a new Server is needed. It waits until Run
// serves, may not be called concurrently, and does nothing if ctx is done before.
// revision is as in Deps.
func (s *Server) Configure(ctx context.Context, cfg config.Config, revision string) (restart bool) {
	select {
	case <-s.configurable:
	case <-ctx.Done():
		return false
	}
	cfg = cfg.Defaulted()
	next := s.cfg.WithLive(cfg)
	s.live.Store(&next)
	s.guard.Configure(next.Limits, s.now())
	s.auth.Configure(next)
	if bounded, ok := s.store.(interface{ SetMaxBytes(uint64) }); ok { // not that in memory
		bounded.SetMaxBytes(uint64(next.Store.MaxBytes))
	}
	s.policyChanged(s.auth.Policy())
	s.configRevision.Store(revision)
	return !reflect.DeepEqual(s.cfg.Static(), cfg.Static())
}

// maxConnections of a listener.
func (s *Server) maxConnections(listener string) int32 {
	for i := range s.live.Load().Listeners {
		if l := &s.live.Load().Listeners[i]; l.Name == listener {
			return l.MaxConnections
		}
	}
	return 0
}
