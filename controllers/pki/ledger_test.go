package pki_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// holder plays a User's part with a ledger: it issues when it may, and shows what it has.
type holder struct {
	t      *testing.T
	ca     pki.Pair
	want   pki.Wanted
	ledger pki.Ledger
	at     time.Time
}

func newHolder(t *testing.T) *holder {
	t.Helper()
	h := &holder{t: t, ca: newCA(t), at: now}
	h.want = pki.Wanted{ID: "uid-1", Object: "default/alice", Username: "alice", Duration: 90 * day}
	h.update()
	return h
}

func (h *holder) update() { h.ledger = h.ledger.Update([]pki.Wanted{h.want}, h.at) }

// wait moves the clock, which may go back.
func (h *holder) wait(days int) { h.at = h.at.Add(time.Duration(days) * day) }

func (h *holder) leave() { h.ledger = h.ledger.Update(nil, h.at) }

// issue takes the next certificate, which the ledger has not seen yet.
func (h *holder) issue() *x509.Certificate {
	h.t.Helper()
	serial, ok := h.ledger.May("uid-1", h.want.Username, h.want.Duration, h.want.Leaf)
	if !ok {
		h.t.Fatal("no certificate may be issued")
	}
	c := pki.UserCertificate{Username: h.want.Username, Serial: serial, Duration: h.want.Duration}
	pair, err := pki.IssueUser(h.ca, c, h.at)
	if err != nil {
		h.t.Fatal(err)
	}
	h.want.Leaf = parse(h.t, pair.CertPEM)
	return h.want.Leaf
}

// revoked says whether the list that a broker gets has a certificate.
func (h *holder) revoked(c *x509.Certificate) bool {
	h.t.Helper()
	lists, _, err := pki.RevocationLists(nil, []pki.Pair{h.ca}, h.ledger.Revoked, h.at)
	if err != nil {
		h.t.Fatal(err)
	}
	block, _ := pem.Decode(lists)
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range list.RevokedCertificateEntries {
		if r.SerialNumber.Cmp(c.SerialNumber) == 0 {
			return true
		}
	}
	return false
}

func TestLedgerRevokes(t *testing.T) {
	steps := map[string]struct {
		do   func(*holder)
		want bool
	}{
		"nothing":       {func(h *holder) { h.update() }, false},
		"goes":          {func(h *holder) { h.update(); h.leave() }, true},
		"goes unseen":   {func(h *holder) { h.leave() }, true},
		"is renewed":    {func(h *holder) { h.update(); h.issue(); h.update() }, false},
		"renewed, goes": {func(h *holder) { h.update(); h.issue(); h.update(); h.leave() }, true},
		"forced":        {func(h *holder) { h.update(); h.issue(); h.want.Forced = "leaked"; h.update() }, true},
		"gets a name":   {func(h *holder) { h.update(); h.want.Username = "bob"; h.update() }, true},
		"expires": {func(h *holder) {
			h.update()
			h.leave()
			h.wait(91)
			h.leave()
			h.wait(7)
			h.leave()
		}, false},
		"a clock that was ahead when it had gone": {func(h *holder) {
			h.update()
			h.leave()
			h.wait(400)
			h.leave()
			h.wait(-399)
			h.leave()
		}, true},
		"a clock that was ahead before it went": {func(h *holder) { h.update(); h.wait(400); h.update(); h.wait(-399); h.leave() }, true},
		"a clock that is ahead again and again": {func(h *holder) {
			h.update()
			h.leave()
			for range 3 {
				h.wait(400)
				h.leave()
				h.wait(6)
				h.leave()
				h.wait(-406)
				h.leave()
			}
		}, true},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			h := newHolder(t)
			first := h.issue()
			step.do(h)
			if got := h.revoked(first); got != step.want {
				t.Errorf("revoked: %v, want %v", got, step.want)
			}
			if last := h.want.Leaf; last != first && len(h.ledger.Holders) > 0 && (h.revoked(last) || !h.ledger.Good("uid-1", last)) {
				t.Error("the newest certificate is not good")
			}
		})
	}
}

func TestLedgerGivesEachNumberOnce(t *testing.T) {
	h := newHolder(t)
	h.issue()
	if serial, ok := h.ledger.May("uid-1", "alice", 90*day, h.want.Leaf); ok {
		t.Errorf("%s may be issued a second time", serial)
	}
	h.update()
	serial, ok := h.ledger.May("uid-1", "alice", 90*day, h.want.Leaf)
	if !ok || serial == h.want.Leaf.SerialNumber.Text(16) {
		t.Errorf("next serial %q, %v", serial, ok)
	}
	if _, ok := h.ledger.May("uid-1", "alice", 400*day, h.want.Leaf); ok {
		t.Error("a certificate may be issued for longer than the ledger knows")
	}
	if _, ok := h.ledger.May("uid-2", "alice", 90*day, nil); ok {
		t.Error("a stranger may be issued a certificate")
	}
	data, err := h.ledger.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := pki.ParseLedger(data)
	if err != nil || !again.Good("uid-1", h.want.Leaf) {
		t.Errorf("read again: %v", err)
	}
}

func TestRevocationListsStayWhileTheyAreGood(t *testing.T) {
	h := newHolder(t)
	leaf := h.issue()
	h.update()
	lists, renew, err := pki.RevocationLists(nil, []pki.Pair{h.ca}, nil, now)
	if err != nil || !renew.Equal(now.Add(10*day)) {
		t.Fatalf("renew at %s, %v", renew, err)
	}
	block, _ := pem.Decode(lists)
	if list, err := x509.ParseRevocationList(block.Bytes); err != nil || !list.NextUpdate.Equal(now.Add(30*day)) {
		t.Fatalf("%+v, %v", list, err)
	}
	h.leave()
	other := newCA(t)
	for name, c := range map[string]struct {
		cas     []pki.Pair
		revoked []pki.Revoked
		at      time.Time
		same    bool
	}{
		"the same":     {[]pki.Pair{h.ca}, nil, now.Add(9 * day), true},
		"due":          {[]pki.Pair{h.ca}, nil, now.Add(10 * day), false},
		"one revoked":  {[]pki.Pair{h.ca}, h.ledger.Revoked, now, false},
		"another CA":   {[]pki.Pair{other}, nil, now, false},
		"one CA more":  {[]pki.Pair{h.ca, other}, nil, now, false},
		"the CA first": {[]pki.Pair{other, h.ca}, nil, now, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := pki.RevocationLists(lists, c.cas, c.revoked, c.at)
			if err != nil || (string(got) == string(lists)) != c.same {
				t.Errorf("same %v, %v", string(got) == string(lists), err)
			}
		})
	}
	if !h.revoked(leaf) {
		t.Error("the one who went has a good certificate")
	}
}

func TestIssueUserNames(t *testing.T) {
	ca := newCA(t)
	for _, c := range []struct {
		name  string
		field config.CertificateField
		err   string
	}{
		{"alice", "", ""},
		{"alice", config.CommonName, ""},
		{strings.Repeat("ü", 64), config.CommonName, ""},
		{strings.Repeat("x", 65), config.CommonName, "65 characters"},
		{strings.Repeat("x", 65), config.DNSName, ""},
		{"sensor-1.plant.example.com", config.DNSName, ""},
		{"grün", config.DNSName, "cannot"},
		{"spiffe://plant/sensor", config.URI, ""},
		{"alice", config.URI, "is no URI"},
		{"HTTP://x", config.URI, "cannot hold"},
	} {
		p, err := pki.IssueUser(ca, pki.UserCertificate{Username: c.name, Field: c.field, Serial: "4a", Duration: day}, now)
		switch {
		case c.err == "" && err != nil, c.err != "" && (err == nil || c.err != "cannot" && !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q in %s: %v, want %q", c.name, c.field, err, c.err)
		case err == nil && pki.UsernameIn(parse(t, p.CertPEM), c.field) != c.name:
			t.Errorf("%q is not in the certificate's %s", c.name, c.field)
		}
	}
}

func TestNeedsUser(t *testing.T) {
	ca := newCA(t)
	c := pki.UserCertificate{Username: "alice", Serial: "4a", Duration: 90 * day, RenewBefore: 10 * day}
	p, err := pki.IssueUser(ca, c, now)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*pki.UserCertificate)) pki.UserCertificate { c := c; change(&c); return c }
	for name, x := range map[string]struct {
		c    pki.UserCertificate
		ca   pki.Pair
		at   time.Time
		want string
	}{
		"good":           {c, ca, now.Add(79 * day), ""},
		"due":            {c, ca, now.Add(80 * day), "due for renewal"},
		"two thirds":     {with(func(c *pki.UserCertificate) { c.RenewBefore = 0 }), ca, now.Add(60 * day), "due for renewal"},
		"too early":      {with(func(c *pki.UserCertificate) { c.RenewBefore = 89 * day }), ca, now.Add(44 * day), ""},
		"another name":   {with(func(c *pki.UserCertificate) { c.Username = "bob" }), ca, now, `for user "alice"`},
		"another field":  {with(func(c *pki.UserCertificate) { c.Field = config.URI }), ca, now, `for user ""`},
		"another length": {with(func(c *pki.UserCertificate) { c.Duration = 30 * day }), ca, now, "valid for"},
		"another CA":     {c, newCA(t), now, "not signed"},
		"expired":        {c, ca, now.Add(91 * day), "expired"},
	} {
		got := x.c.NeedsUser(p, x.ca, x.at)
		if (x.want == "") != (got == "") || !strings.Contains(got, x.want) {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
}
