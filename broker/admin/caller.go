package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/limit"
)

// Role is what a caller may do. Each may do what those before it may.
type Role uint8

// The roles. The zero Role may do nothing.
const (
	NoRole Role = iota
	Read        // see everything but a backup
	Write       // change things
)

// String is the role as the API writes it.
func (r Role) String() string { return [...]string{"None", "Read", "Write"}[r] }

// Caller is who calls.
type Caller struct {
	// Name is a token's or a user's, or key: and the beginning of a pinned key's SHA-256.
	Name string
	Role Role
}

// How often an address may give wrong credentials, and a caller may call.
const (
	maxFailures     = 10
	failuresIn      = time.Minute
	callsPerSecond  = 100
	maxCallersKnown = 1 << 10
)

// callers finds out who calls.
type callers struct {
	pins                  []string
	tokens                *tokens // nil: there are none
	readGroup, writeGroup string
	signIn                SignIn
	failures              *limit.Attempts
	rates                 *limit.Rates[string]
}

func newCallers(cfg config.Admin, t *tokens, s SignIn) *callers {
	return &callers{
		pins: cfg.ClientKeyPins, tokens: t, readGroup: cfg.ReadGroup, writeGroup: cfg.WriteGroup, signIn: s,
		failures: limit.NewAttempts(maxFailures, failuresIn), rates: limit.NewRates[string](callsPerSecond, maxCallersKnown),
	}
}

// refusal is an answer to who may not call.
type refusal struct {
	status int
	why    string
	wait   time.Duration // 0: there is no use in waiting
}

// Error implements error.
func (r *refusal) Error() string { return r.why }

var errNobody = &refusal{status: http.StatusUnauthorized, why: "say who you are: with a client certificate that is pinned, " +
	"Authorization: Bearer and a token, or Authorization: Basic and a user of the admin groups"}

// who says who has sent r. The error is a *refusal.
//
// A pinned key and a good token are let in whatever else comes from their address: they cannot be guessed, and behind a
// port-forward many share one.
func (c *callers) who(r *http.Request) (Caller, error) {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		if key := r.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo; isPinned(key, c.pins) {
			sum := sha256.Sum256(key)
			return Caller{"key:" + hex.EncodeToString(sum[:6]), Write}, nil
		}
	}
	given := r.Header.Get("Authorization")
	if given == "" {
		return Caller{}, errNobody
	}
	scheme, credentials, _ := strings.Cut(given, " ")
	if strings.EqualFold(scheme, "Bearer") {
		if who, ok := c.tokens.find(strings.TrimSpace(credentials)); ok {
			return who, nil
		}
	}
	from, now := addressOf(r), time.Now()
	if wait := c.failures.Wait(from, now); wait > 0 {
		return Caller{}, &refusal{http.StatusTooManyRequests, "too many wrong credentials came from this address", wait}
	}
	if user, password, ok := r.BasicAuth(); ok && c.signIn != nil && c.readGroup+c.writeGroup != "" {
		who, err := c.user(r.Context(), user, password, from)
		if refused := new(refusal); err == nil || errors.As(err, &refused) && refused.status != http.StatusUnauthorized {
			return who, err
		}
	}
	c.failures.Failed(from, now)
	return Caller{}, &refusal{status: http.StatusUnauthorized, why: "the credentials are wrong"}
}

// user lets a user of one of the two groups in.
func (c *callers) user(ctx context.Context, name, password string, from netip.Prefix) (Caller, error) {
	groups, err := c.signIn.SignIn(ctx, name, password, from)
	switch {
	case errors.Is(err, ErrCredentials):
		return Caller{}, &refusal{status: http.StatusUnauthorized, why: err.Error()}
	case errors.Is(err, ErrHeldBack):
		return Caller{}, &refusal{http.StatusTooManyRequests, err.Error(), failuresIn}
	case err != nil:
		return Caller{}, &refusal{http.StatusServiceUnavailable, fmt.Sprintf("sign in: %v", err), time.Second}
	case c.writeGroup != "" && slices.Contains(groups, c.writeGroup):
		return Caller{name, Write}, nil
	case c.readGroup != "" && slices.Contains(groups, c.readGroup):
		return Caller{name, Read}, nil
	}
	return Caller{}, &refusal{status: http.StatusForbidden, why: "the user is in none of the groups that may call the admin API"}
}

// addressOf is the network that r comes from; zero: not known.
func addressOf(r *http.Request) netip.Prefix {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	return limit.Network(net.TCPAddrFromAddrPort(from))
}
