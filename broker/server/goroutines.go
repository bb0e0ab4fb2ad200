package server

import "sync"

// goroutines are those that a connection has started: they live while there is something to write,
// and the connection's reader waits for them at its end.
type goroutines struct {
	mu      sync.Mutex
	over    bool
	running sync.WaitGroup
}

// start runs fn, unless the connection is at its end.
func (g *goroutines) start(fn func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.running.Go(fn)
	}
}

// wait lets no more start and waits for those that run.
func (g *goroutines) wait() {
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	g.running.Wait()
}
