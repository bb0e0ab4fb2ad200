package server_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

// audited is plant with rules that are not enforced, its log and its audit log.
func audited(t *testing.T) (config.Config, *broker, *lines, *lines) {
	cfg := open(t)
	cfg.Authentication.AllowAnonymous = false
	cfg.Authorization = config.Authorization{DefaultPolicy: config.PolicyDeny, Enforcement: config.EnforcementAudit}
	cfg.AuthFiles.PasswordFile = write(t, t.TempDir(), "passwd", passwords(t, "ann", "bob"))
	cfg.AuthFiles.ACLFile = write(t, t.TempDir(), "acl.yaml", plantRules)
	cfg.Audit = config.Audit{AuditSettings: config.AuditSettings{Enabled: true}}
	administered(t, &cfg)
	log, trail := new(lines), new(lines)
	b := startWith(t, cfg, server.Deps{Audit: trail, Logger: slog.New(slog.NewTextHandler(log, nil))}, func(*server.Server) {})
	return cfg, b, log, trail
}

// TestAuditedDenials: what rules deny that are not enforced happens, is counted, and is told once.
func TestAuditedDenials(t *testing.T) {
	cfg, b, log, trail := audited(t)
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		bob, ann := mqtttest.Start(t, b.addr(), as("bob", "bob", v)), mqtttest.Start(t, b.addr(), as("ann", "ann", v))
		if diff := cmp.Diff([]packet.ReasonCode{1}, bob.Subscribe(filter("secret/#", 1))); diff != "" {
			t.Errorf("%v: %s", v, diff)
		}
		ann.Subscribe(filter("news/#", 1)) // of which a part is denied
		for range 3 {
			ann.Say("secret/x", "x", 1)
			bob.Take("secret/x", "x")
		}
		bob.Say("news/secret", "x", 1)
		ann.Take("news/secret", "x")
		bob.Disconnect(packet.Disconnect{})
		ann.Disconnect(packet.Disconnect{})
		bob.ExpectEnd()
		ann.ExpectEnd()
	}
	m := b.Metrics()
	// Each publishes 4 times against the rules; bob's subscription to secret/# and ann's to news/# would have got less.
	if diff := cmp.Diff(map[string]uint64{"publish": 2 * 4, "subscribe": 2, "will": 0, "receive": 2 * 2}, m.AuditedDenials); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]uint64{"publish": 0, "subscribe": 0, "will": 0}, m.Denials); diff != "" {
		t.Error(diff)
	}
	found := map[api.Denial]int{}
	for _, d := range get[api.Page[api.Denial]](call(t, cfg, "Read"), "/v1/access/denials").Items {
		if !strings.HasSuffix(d.Reason, "it happens all the same, because enforcement is Audit") || d.Peer == "" || d.Time.IsZero() {
			t.Errorf("%+v", d)
		}
		found[api.Denial{User: d.User, Action: d.Action, Topic: d.Topic, Audited: d.Audited}] += d.Count
	}
	want := map[api.Denial]int{
		{User: "ann", Action: "Publish", Topic: "secret/x", Audited: true}:    2,
		{User: "bob", Action: "Publish", Topic: "news/secret", Audited: true}: 2,
		{User: "bob", Action: "Subscribe", Topic: "secret/#", Audited: true}:  2,
		{User: "bob", Action: "Receive", Topic: "secret/x", Audited: true}:    2,
		{User: "ann", Action: "Receive", Topic: "news/secret", Audited: true}: 2,
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	if n := log.count("access rules would deny it"); n == 0 || n > 10 || log.count("access rules are not enforced") != 1 {
		t.Errorf("%d lines in the log", n)
	}
	b.stop()
	if n := trail.count(`"event":"audited"`); n != 10 || trail.count(`"event":"denied"`) != 0 {
		t.Errorf("%d in the audit log", n)
	}
}

// TestAuditedIsLive: rules are enforced from one moment to the next, for who is connected and what is subscribed.
func TestAuditedIsLive(t *testing.T) {
	cfg, b, _, _ := audited(t)
	bob, ann := mqtttest.Start(t, b.addr(), as("bob", "bob", packet.V5)), mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	bob.Subscribe(filter("sensors/#", 1))
	ann.Say("sensors/ann/1", "x", 1)
	bob.Take("sensors/ann/1", "x")
	if got := ann.Publish(text("other", "", 1)); got.Failed() {
		t.Error(got)
	}
	cfg.Authorization.Enforcement = config.EnforcementEnforce
	if b.Configure(t.Context(), cfg, "") {
		t.Error("it needs a restart")
	}
	if got := ann.Publish(text("other", "", 1)); got != packet.NotAuthorized {
		t.Error(got)
	}
	ann.Say("sensors/ann/1", "x", 1)
	bob.Quiet()
	if m := b.Metrics(); m.Denials["publish"] != 1 || m.AuditedDenials["publish"] != 1 || m.AuditedDenials["receive"] != 1 {
		t.Errorf("%v %v", m.Denials, m.AuditedDenials)
	}
}

// TestAuditedWill: a will that rules deny is published, and told; one of a user who is no more is not.
func TestAuditedWill(t *testing.T) {
	_, b, _, _ := audited(t)
	ann := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	ann.Subscribe(filter("sensors/#", 0))
	dying := as("bob", "bob", packet.V5)
	dying.Will = &packet.Will{Topic: "sensors/will", Payload: []byte("gone")}
	mqtttest.Start(t, b.addr(), dying).Close()
	ann.Take("sensors/will", "gone")
	if n := b.Metrics().AuditedDenials["will"]; n != 1 {
		t.Errorf("%d wills", n)
	}
}

// TestAuditedKeepsOut: what has nothing to do with access rules is refused as ever.
func TestAuditedKeepsOut(t *testing.T) {
	cfg, b, _, _ := audited(t)
	if got := mqtttest.Dial(t, b.addr()).Connect(as("ann", "wrong", packet.V5)).Reason; got != packet.BadUserNameOrPassword {
		t.Error(got)
	}
	ann := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	if got := ann.Publish(text("$SYS/x", "", 1)); got != packet.NotAuthorized {
		t.Error(got)
	}
	reader := call(t, cfg, "Read")
	for query, audited := range map[string]bool{
		"user=ann&action=Publish&topic=a": true, "user=ann&action=Publish&topic=$SYS/x": false, "user=ann&action=Publish&topic=never": false,
		"user=nobody&action=Publish&topic=a": false, "action=Publish&topic=a": false,
	} {
		if d := get[api.Decision](reader, "/v1/access?"+query); d.Audited != audited || d.Allowed != strings.HasSuffix(query, "never") {
			t.Errorf("%s: %+v", query, d)
		}
	}
	write(t, "", cfg.AuthFiles.PasswordFile, passwords(t, "bob"))
	ann.ExpectDisconnect(packet.NotAuthorized)
}
