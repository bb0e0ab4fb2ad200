package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxWaiting bounds the clients that wait for their password to be verified.
	maxWaiting = 8192
	// rememberFor is how long a verified password is taken without the work, counted from its last use.
	rememberFor = time.Hour
	// maxRemembered bounds each of the two generations of remembered passwords; 48 bytes each, and the map's overhead.
	maxRemembered = 1 << 15
)

// verifier bounds the work of verifying passwords, and saves it when a client comes back soon.
//
// What it remembers is an HMAC, under a key that lives only in this process, of user, password and the stored hash
// that the password was good for. So it holds no password; a changed or removed hash in the file makes what was
// remembered useless at once; only the right password is faster than others; and nothing is learned of who exists.
type verifier struct {
	slots   chan struct{}
	maxWait time.Duration // for a slot
	waiting atomic.Int64
	key     [sha256.Size]byte

	mu          sync.Mutex
	young, aged map[proof]time.Time // until when
}

type proof [sha256.Size]byte

func newVerifier(maxWait time.Duration) *verifier {
	// One core is left to those who are connected already.
	v := &verifier{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)), maxWait: maxWait, young: make(map[proof]time.Time)}
	_, _ = rand.Read(v.key[:]) // it never fails
	return v
}

// acquire waits for a turn to verify a password. The caller calls release when it has.
func (v *verifier) acquire(ctx context.Context) (release func(), err error) {
	defer v.waiting.Add(-1)
	if v.waiting.Add(1) > maxWaiting {
		return nil, fmt.Errorf("%w: %d clients wait for their password to be verified", ErrBusy, maxWaiting)
	}
	ctx, cancel := context.WithTimeout(ctx, v.maxWait)
	defer cancel()
	select {
	case v.slots <- struct{}{}:
		return func() { <-v.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for verification of password: %w", ctx.Err())
	}
}

// remembers reports whether password was good for line a short while ago.
func (v *verifier) remembers(user string, password []byte, line string) bool {
	p, now := v.prove(user, password, line), time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	until, ok := v.young[p]
	if !ok {
		until, ok = v.aged[p]
	}
	if !ok || now.After(until) {
		return false
	}
	v.put(p, now)
	return true
}

func (v *verifier) remember(user string, password []byte, line string) {
	p, now := v.prove(user, password, line), time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.put(p, now)
}

// put makes p young. A full generation takes the place of the aged one, which is forgotten.
func (v *verifier) put(p proof, now time.Time) {
	if _, ok := v.young[p]; !ok && len(v.young) >= maxRemembered {
		v.young, v.aged = make(map[proof]time.Time), v.young
	}
	v.young[p] = now.Add(rememberFor)
}

func (v *verifier) prove(user string, password []byte, line string) proof {
	mac := hmac.New(sha256.New, v.key[:])
	var lengths [16]byte // so that no two triples are the same bytes
	binary.BigEndian.PutUint64(lengths[:8], uint64(len(user)))
	binary.BigEndian.PutUint64(lengths[8:], uint64(len(password)))
	mac.Write(lengths[:])
	mac.Write([]byte(user))
	mac.Write(password)
	mac.Write([]byte(line))
	return proof(mac.Sum(nil))
}
