package server

import "time"

// drainStep is how often the next clients are told to go.
const drainStep = 20 * time.Millisecond

// drain sends clients away at the configured pace, so that not all of them come back at the same
// moment; those whose turn has not come are served meanwhile. It returns when all have been told, or
// when its time is over: shutdown tells the rest, and waits for all.
func (s *Server) drain() {
	how := s.live.Load().Drain
	conns, pace := s.connections(), float64(*how.DisconnectsPerSecond)
	s.log.Info("stopping", "connections", len(conns))
	if pace == 0 {
		return
	}
	tick := time.NewTicker(drainStep)
	defer tick.Stop()
	over := time.After(time.Duration(how.TimeoutSeconds) * time.Second)
	burst, begun := pace/10, time.Now()
	for told := 0; ; {
		due := min(len(conns), max(1, int(burst+pace*time.Since(begun).Seconds())))
		for _, c := range conns[told:due] {
			c.kick(s.farewell())
		}
		if told = due; told == len(conns) {
			return
		}
		select {
		case <-tick.C:
		case <-over:
			s.log.Warn("the time to stop is over: all remaining clients are disconnected at once", "connections", len(conns)-told)
			return
		}
	}
}
