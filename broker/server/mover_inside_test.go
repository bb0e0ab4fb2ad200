package server

import "testing"

// TestTakeBackOnce: a client that gives up a shared subscription again and again is one errand, until that is begun.
func TestTakeBackOnce(t *testing.T) {
	var s shares
	s.init(new(Server))
	s.running = true // as if the mover were busy
	cl, g := new(client), new(group)
	for range 3 {
		s.takeBack(cl, g)
		s.takeBack(new(client), g)
	}
	if len(s.errands) != 4 || len(s.recalled) != 4 {
		t.Errorf("%d errands, %d recalled", len(s.errands), len(s.recalled))
	}
}
