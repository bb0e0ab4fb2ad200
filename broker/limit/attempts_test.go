package limit

import (
	"net/netip"
	"testing"
	"time"
)

func TestAttempts(t *testing.T) {
	a, now := NewAttempts(3, time.Minute), noon
	fail := func(from netip.Prefix) { a.Failed(from, now) }
	wait := func(from netip.Prefix, want time.Duration) {
		t.Helper()
		if got := a.Wait(from, now); got != want {
			t.Errorf("Wait(%s) = %v, want %v", from, got, want)
		}
	}
	wait(home, 0)
	fail(home)
	fail(home)
	wait(home, 0)
	fail(home)
	wait(home, time.Minute)
	wait(other, 0)
	wait(netip.Prefix{}, 0)
	now = now.Add(59 * time.Second)
	wait(home, time.Second)
	now = now.Add(time.Second)
	wait(home, 0)
	fail(home) // the first of the next three
	wait(home, 0)
	fail(home)
	fail(home)
	wait(home, time.Minute)
}

// TestAttemptsAreForgotten: those of addresses that have long not been seen make room.
func TestAttemptsAreForgotten(t *testing.T) {
	a := NewAttempts(1, time.Hour)
	a.Failed(home, noon)
	for i := range maxRemembered {
		from, _ := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).Prefix(32)
		a.Failed(from, noon)
	}
	if got := len(a.known.known); got != maxRemembered {
		t.Errorf("%d addresses are remembered", got)
	}
	if a.Wait(home, noon) != 0 {
		t.Error("the first address is still remembered")
	}
}

func TestRates(t *testing.T) {
	r := NewRates[string](2, 2)
	for range 2 {
		if wait := r.Take("a", noon); wait != 0 {
			t.Fatalf("within the rate: wait %v", wait)
		}
	}
	if wait := r.Take("a", noon); wait != 500*time.Millisecond {
		t.Errorf("beyond the rate: wait %v", wait)
	}
	if wait := r.Take("b", noon); wait != 0 {
		t.Errorf("another key: wait %v", wait)
	}
	if wait := r.Take("a", noon.Add(500*time.Millisecond)); wait != 0 {
		t.Errorf("after the wait: wait %v", wait)
	}
	r.Take("b", noon)
	r.Take("c", noon) // a is forgotten
	if len(r.known.known) != 2 {
		t.Errorf("%d keys are remembered", len(r.known.known))
	}
}
