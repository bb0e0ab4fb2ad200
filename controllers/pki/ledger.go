package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Ledger is which client certificates there are or may be, and which are revoked. A serial number is in it
// before a certificate has it, so that whoever goes, and however soon, what they were given can be revoked:
// no finalizer has to hold them back for that.
type Ledger struct {
	// Holders are those who may have certificates, by an identifier that is never given to another.
	Holders map[string]*Holder `json:"holders,omitempty"`
	// Revoked are the certificates that would still be valid, in order of their serial numbers.
	Revoked []Revoked `json:"revoked,omitempty"`
}

// Holder is somebody who may have a certificate.
type Holder struct {
	// Object is "namespace/name" of the User, for who reads the ledger.
	Object   string `json:"object"`
	Username string `json:"username"`
	// DurationSeconds is how long the next certificate may be valid: one of another duration must wait.
	DurationSeconds int64 `json:"durationSeconds"`
	// Next is the serial number, in hex, that the next certificate has to have.
	Next string `json:"next"`
	// Forced is what the current certificate was asked for by: a new value revokes those of before.
	Forced string   `json:"forced,omitempty"`
	Issued []Issued `json:"issued,omitempty"`
}

// Issued is a certificate that was seen and has not expired, or not long ago.
type Issued struct {
	Serial string    `json:"serial"`
	Until  time.Time `json:"until"`
	// Ended is when it was first seen to have expired; zero: it has not.
	Ended time.Time `json:"ended,omitzero"`
}

// keepEnded is how long what has expired stays in the ledger. A clock that is ahead for less makes it forget nothing
// that is good again, or would be, when the clock is right.
const keepEnded = 7 * 24 * time.Hour

// over notes in ended since when until is over, and says whether that is long enough to forget it.
func over(until time.Time, ended *time.Time, now time.Time) bool {
	switch {
	case !now.After(until): // or it is again, since the clock was wrong
		*ended = time.Time{}
	case ended.IsZero() || ended.After(now):
		*ended = now.UTC().Truncate(time.Second)
	}
	return !ended.IsZero() && !now.Before(ended.Add(keepEnded))
}

// Wanted is somebody who shall have a certificate.
type Wanted struct {
	ID, Object, Username string
	Field                config.CertificateField
	Duration             time.Duration
	// Leaf is the certificate that they have; nil: none.
	Leaf *x509.Certificate
	// Forced is what Leaf was asked for by.
	Forced string
}

// ParseLedger reads what Encode wrote; nothing is an empty one.
func ParseLedger(data []byte) (Ledger, error) {
	var l Ledger
	if len(data) == 0 {
		return l, nil
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return l, fmt.Errorf("read ledger of client certificates: %w", err)
	}
	return l, nil
}

// Encode is the ledger as a file; nil if it is empty.
func (l Ledger) Encode() ([]byte, error) {
	if len(l.Holders) == 0 && len(l.Revoked) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("write ledger of client certificates: %w", err)
	}
	return append(data, '\n'), nil
}

// May says whether a certificate may be issued to id now, and with what serial number. leaf is the one that
// they have; nil: none.
func (l Ledger) May(id, username string, duration time.Duration, leaf *x509.Certificate) (serial string, ok bool) {
	h := l.Holders[id]
	if h == nil || h.Username != username || h.DurationSeconds != int64(duration/time.Second) ||
		leaf != nil && serialOf(leaf.SerialNumber) == h.Next {
		return "", false
	}
	return h.Next, true
}

// Good says whether leaf is one of id's and not revoked.
func (l Ledger) Good(id string, leaf *x509.Certificate) bool {
	h, serial := l.Holders[id], serialOf(leaf.SerialNumber)
	return h != nil && (h.Next == serial ||
		slices.ContainsFunc(h.Issued, func(i Issued) bool { return i.Serial == serial }))
}

// Update is the ledger with wanted as its holders: who is not wanted any more has everything revoked, and so
// has who has got another user name or a forced renewal, but for the certificate that came of it. What has
// expired is forgotten after keepEnded. l is not good any more afterwards.
func (l Ledger) Update(wanted []Wanted, now time.Time) Ledger {
	next := Ledger{Revoked: l.Revoked}
	for i := range wanted {
		w := &wanted[i]
		h := l.Holders[w.ID]
		if h == nil {
			h = &Holder{Username: w.Username, Forced: w.Forced, Next: newSerial()}
		}
		delete(l.Holders, w.ID)
		next.update(h, w, now)
		if next.Holders == nil {
			next.Holders = make(map[string]*Holder, len(wanted))
		}
		next.Holders[w.ID] = h
	}
	for _, h := range l.Holders {
		next.revoke(now, h.Issued...)
		// Its owner may have made use of it a moment ago, and nobody has seen it.
		next.revoke(now, Issued{Serial: h.Next, Until: now.Add(time.Duration(h.DurationSeconds) * time.Second)})
	}
	next.Revoked = forget(next.Revoked, func(r *Revoked) bool { return over(r.Until.Add(clockSkew), &r.Ended, now) })
	sortRevoked(next.Revoked)
	return next
}

func (l *Ledger) update(h *Holder, w *Wanted, now time.Time) {
	h.Object, h.DurationSeconds = w.Object, int64(w.Duration/time.Second)
	current := ""
	if w.Leaf != nil {
		current = serialOf(w.Leaf.SerialNumber)
	}
	if current == h.Next {
		h.Issued = append(h.Issued, Issued{Serial: current, Until: w.Leaf.NotAfter.UTC()})
		h.Next = newSerial()
	}
	if renamed := h.Username != w.Username; renamed || h.Forced != w.Forced {
		stays := func(i Issued) bool {
			return i.Serial == current && (!renamed || UsernameIn(w.Leaf, w.Field) == w.Username)
		}
		for _, i := range h.Issued {
			if !stays(i) {
				l.revoke(now, i)
			}
		}
		h.Issued = slices.DeleteFunc(h.Issued, func(i Issued) bool { return !stays(i) })
		h.Username, h.Forced = w.Username, w.Forced
	}
	h.Issued = forget(h.Issued, func(i *Issued) bool { return over(i.Until, &i.Ended, now) })
}

// forget is what of all is not over, which is asked of each and may change it.
func forget[T any](all []T, isOver func(*T) bool) []T {
	kept := all[:0]
	for i := range all {
		if !isOver(&all[i]) {
			kept = append(kept, all[i])
		}
	}
	clear(all[len(kept):])
	return kept
}

func (l *Ledger) revoke(now time.Time, issued ...Issued) {
	for _, i := range issued {
		l.Revoked = append(l.Revoked, Revoked{Serial: i.Serial, At: now.UTC().Truncate(time.Second), Until: i.Until.UTC()})
	}
}

// newSerial is a random number of 64 bits that is not 0.
func newSerial() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[0] = b[0]&0x7f | 0x40
	return hex.EncodeToString(b[:])
}
