package listener

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// TestListExpiresWhileWatched: it is logged once, in time, and whoever is connected is looked at again; also when the
// list came later, or had expired before.
func TestListExpiresWhileWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := keypairtest.NewCA(t, "root")
		leaf := chain(root.Client(t, "leaf", nil))
		var log record
		tr := trusting(t, root.PEM, root.CRL(t, 20*time.Minute, nil))
		tr.log = slog.New(slog.NewTextHandler(&log, nil))
		var refused atomic.Int32
		fn := func() {
			if tr.check(leaf) != nil {
				refused.Add(1)
			}
		}
		tr.changed.Store(&fn)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			tr.watchLists(ctx)
			close(ended)
		}()
		expect := func(when string, lists int) {
			t.Helper()
			synctest.Wait()
			if n := strings.Count(log.String(), "revocation list has expired"); n != lists || int(refused.Load()) != lists {
				t.Errorf("%s: said %d times, and looked at %d times, want %d", when, n, refused.Load(), lists)
			}
		}
		time.Sleep(20 * time.Minute)
		expect("at the time", 0)
		time.Sleep(2 * time.Nanosecond)
		expect("after it", 1)
		time.Sleep(10 * time.Minute)
		expect("later", 1)
		renew := func(lasts time.Duration) {
			put(t, filepath.Dir(tr.caFile), "a", root.CRL(t, lasts, nil))
			tr.reload()
		}
		renew(5 * time.Minute)
		expect("with a new list", 1)
		time.Sleep(5*time.Minute + time.Second)
		expect("after that one's time", 2)
		cancel()
		<-ended
	})
}

// TestExpiredFromTheStart: a list that has expired when the broker starts is said to have.
func TestExpiredFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		root := keypairtest.NewCA(t, "root")
		tr := trusting(t, root.PEM, root.CRL(t, -time.Hour, nil))
		tr.log = slog.New(slog.NewTextHandler(&log, nil))
		ctx, cancel := context.WithCancel(t.Context())
		go tr.watchLists(ctx)
		synctest.Wait()
		cancel()
		if n := strings.Count(log.String(), "revocation list has expired"); n != 1 {
			t.Errorf("said %d times", n)
		}
	})
}
