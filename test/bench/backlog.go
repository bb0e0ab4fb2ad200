package main

import "fmt"

// backlog is one session for which very many messages wait.
func (b *bench) backlog() error {
	d, err := b.broker(true)
	if err != nil {
		return err
	}
	defer discard(d)
	if err := sessions(d.Addr, 1, func(int) string { return "backlog" }); err != nil {
		return err
	}
	before, _, err := d.Memory()
	if err != nil {
		return err
	}
	if err := fill(d.Addr, b.sizes.backlog, bodySize, func(int) string { return "backlog" }, false); err != nil {
		return err
	}
	after, peak, err := d.Memory()
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("a session with %d queued messages of 256 B: the broker's memory before, then and at most, MB", b.sizes.backlog),
		"a window of them", "%.0f, %.0f, %.0f", mega(before), mega(after), mega(peak))
	d.Stop()
	if err := start(d); err != nil {
		return err
	}
	if after, err = b.atRest(d); err != nil {
		return err
	}
	used, took, err := empty(d, "session-0", b.sizes.backlog)
	if err != nil {
		return err
	}
	_, peak, err = d.Memory()
	if err != nil {
		return err
	}
	b.add("the same after a restart: memory, and at most while it is drained, MB", "", "%.0f, %.0f", mega(after), mega(peak))
	b.add("draining all of it: messages a second, broker CPU a message, us", "", "%.0f, %.2f",
		float64(b.sizes.backlog)/took.Seconds(), float64(used.Nanoseconds())/1e3/float64(b.sizes.backlog))
	return nil
}
