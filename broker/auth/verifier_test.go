package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

func TestVerifierRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(time.Minute)
		v.remember("ann", []byte("one"), "line")
		for _, other := range [][3]string{{"bob", "one", "line"}, {"ann", "two", "line"}, {"ann", "one", "other"}, {"anno", "ne", "line"}, {"ann", "onel", "ine"}} {
			if v.remembers(other[0], []byte(other[1]), other[2]) {
				t.Errorf("%q is taken for what was remembered", other)
			}
		}
		time.Sleep(rememberFor - time.Second)
		if !v.remembers("ann", []byte("one"), "line") {
			t.Error("forgotten too early")
		}
		time.Sleep(rememberFor - time.Second)
		if !v.remembers("ann", []byte("one"), "line") {
			t.Error("its use did not keep it")
		}
		time.Sleep(rememberFor + time.Second)
		if v.remembers("ann", []byte("one"), "line") {
			t.Error("remembered for too long")
		}
		if newVerifier(time.Minute).prove("ann", []byte("one"), "line") == v.prove("ann", []byte("one"), "line") {
			t.Error("two processes have the same key")
		}
	})
}

func TestVerifierMemoryIsBounded(t *testing.T) {
	v := newVerifier(time.Minute)
	for i := range 3 * maxRemembered {
		v.remember(fmt.Sprint(i), nil, "")
		if n := len(v.young) + len(v.aged); n > 2*maxRemembered {
			t.Fatalf("%d passwords remembered", n)
		}
	}
	if !v.remembers(fmt.Sprint(3*maxRemembered-1), nil, "") || v.remembers("0", nil, "") {
		t.Error("the last one is forgotten, or the first one is not")
	}
}

func TestVerifierIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(time.Minute)
		var releases []func()
		for range cap(v.slots) {
			release, err := v.acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
		}
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, maxWaiting)
		for range maxWaiting {
			go func() {
				_, err := v.acquire(ctx)
				results <- err
			}()
		}
		synctest.Wait()
		if _, err := v.acquire(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("one too many waits: %v", err)
		}
		releases[0]()
		if err := <-results; err != nil {
			t.Errorf("a turn came: %v", err)
		}
		cancel()
		for range maxWaiting - 1 {
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Fatalf("the client has gone: %v", err)
			}
		}
		if n := v.waiting.Load(); n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}

func TestOneCoreIsLeftToTraffic(t *testing.T) {
	if got, want := cap(newVerifier(time.Minute).slots), max(1, runtime.GOMAXPROCS(0)-1); got != want {
		t.Errorf("%d passwords are verified at once, want %d", got, want)
	}
}

// TestUnknownUserDoesTheWork counts what a refusal costs: it must wait for a turn, as one that verifies does.
func TestUnknownUserDoesTheWork(t *testing.T) {
	passwords := t.TempDir() + "/passwd"
	write(t, passwords, "ann:"+testHash("one")+"\n")
	a := open(t, config.Config{AuthFiles: config.AuthFiles{PasswordFile: passwords}})
	for range cap(a.verifier.slots) {
		if _, err := a.verifier.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, user := range []string{"ann", "zoe"} {
		if _, err := a.Authenticate(ctx, login(user, "wrong")); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want to have to wait", user, err)
		}
	}
	if !strings.HasPrefix(a.Policy().decoy, "$7$1$") {
		t.Errorf("the decoy %s does not cost what the file's hashes do", a.Policy().decoy)
	}
}

func BenchmarkAuthenticateRemembered(b *testing.B) {
	p := policyOf(b, settings{})
	a := &Auth{verifier: newVerifier(time.Minute)}
	a.policy.Store(p)
	if _, err := a.Authenticate(b.Context(), login("ann", "secret of ann")); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), login("ann", "secret of ann")); err != nil {
			b.Fatal(err)
		}
	}
}
