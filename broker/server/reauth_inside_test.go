package server

import "testing"

// TestTooLateWhilePaused: who is not read from cannot finish an authentication.
func TestTooLateWhilePaused(t *testing.T) {
	c := publisher(t)
	c.paused.Store(true)
	if c.tooLate(); c.kicked.Load() != nil {
		t.Errorf("while the reader pauses: %v", c.kicked.Load())
	}
	c.paused.Store(false)
	if c.tooLate(); c.kicked.Load() == nil {
		t.Error("the connection goes on")
	}
}
