package limit

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// TestBucket: a burst of a second's worth, and then exactly the rate.
func TestBucket(t *testing.T) {
	b := NewBucket(4, noon)
	for i := range 4 {
		if !b.Has() || b.Wait() != 0 {
			t.Fatalf("token %d is not there", i)
		}
		b.Spend(1)
	}
	if b.Has() || b.Wait() != 250*time.Millisecond {
		t.Errorf("a fifth token: %v, after %v", b.Has(), b.Wait())
	}
	b.Fill(noon.Add(249 * time.Millisecond))
	if b.Has() {
		t.Error("a token has come early")
	}
	b.Fill(noon.Add(250 * time.Millisecond))
	if !b.Has() {
		t.Error("a token has not come in time")
	}
	b.Fill(noon.Add(time.Hour))
	for range 4 {
		b.Spend(1)
	}
	if b.Has() {
		t.Error("it holds more than a second's worth")
	}
}

// TestBucketDebt: what is spent at once is paid for in the time that follows.
func TestBucketDebt(t *testing.T) {
	b := NewBucket(1000, noon)
	b.Spend(6000)
	if got := b.Wait(); got != 5001*time.Millisecond {
		t.Errorf("Wait() = %v", got)
	}
	b.Fill(noon.Add(b.Wait() - time.Millisecond))
	if b.Has() {
		t.Error("the debt is forgotten")
	}
	b.Fill(noon.Add(5001 * time.Millisecond))
	if !b.Has() {
		t.Error("the debt has been paid, and there is no token")
	}
}

// TestBucketDebtEnds: however much is spent at once, a minute pays for it.
func TestBucketDebtEnds(t *testing.T) {
	b := NewBucket(1000, noon)
	for range 2 {
		b.Spend(100_000_000)
		if got := b.Wait(); got != time.Minute+time.Millisecond {
			t.Errorf("Wait() = %v", got)
		}
	}
	b.Fill(noon.Add(time.Minute + time.Millisecond))
	if !b.Has() {
		t.Error("the debt has been paid, and there is no token")
	}
}

// TestBucketClock: a clock that is set back neither gives tokens nor takes any.
func TestBucketClock(t *testing.T) {
	b := NewBucket(2, noon)
	b.Spend(1)
	b.Fill(noon.Add(-time.Hour))
	if !b.Has() {
		t.Error("a token is gone")
	}
	b.Spend(1)
	b.Fill(noon.Add(-time.Hour))
	if b.Has() {
		t.Error("a token has come of nothing")
	}
}

func TestBucketWithoutBound(t *testing.T) {
	var b Bucket
	b.Spend(1 << 40)
	b.Fill(noon)
	if !b.Has() || b.Wait() != 0 {
		t.Error("the zero Bucket has a bound")
	}
}
