package server_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestAudit: the audit log has who came and went, who was refused, what was denied, and nothing secret.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	cfg := open(t)
	cfg.Authentication.AllowAnonymous, cfg.Authorization.DefaultPolicy = false, config.PolicyDeny
	cfg.AuthFiles.PasswordFile = write(t, dir, "passwd", passwords(t, "ann", "bob"))
	cfg.AuthFiles.ACLFile = write(t, dir, "acl.yaml", rules)
	cfg.Audit = config.Audit{AuditSettings: config.AuditSettings{Enabled: true}}
	var out bytes.Buffer // read once the broker has stopped
	b := startWith(t, cfg, server.Deps{Audit: &out}, func(*server.Server) {})

	ann := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	ann.Publish(text("open/a", "payload", 1))
	ann.Publish(text("closed/a", "payload", 1))
	ann.Subscribe(filter("closed/#", 0))
	ann.Disconnect(packet.Disconnect{})
	ann.ExpectEnd()
	mqtttest.Dial(t, b.addr()).Connect(as("eve", "secret", packet.V311))
	mqtttest.Dial(t, b.addr()).Send([]byte("GET / HTTP/1.0\r\n\r\n"))
	bob := as("bob", "bob", packet.V311)
	bob.Will = &packet.Will{Topic: "closed/will", Payload: []byte("payload")}
	mqtttest.Start(t, b.addr(), bob).Close()
	eventually(t, "all is told", func() bool { return b.Metrics().Audit["written"] == 8 })
	b.stop()

	type entry struct {
		Stream, Event, Listener, Protocol, Username, Action, Topic, Code, Reason string
		ClientID                                                                 string `json:"client_id"`
	}
	got := make(map[entry]int)
	for line := range strings.Lines(out.String()) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if e.Action != "will" && !strings.Contains(line, `"peer":"127.0.0.1:`) {
			t.Errorf("no peer: %s", line)
		}
		got[e]++
	}
	of := func(event, who, protocol string, more entry) entry {
		more.Stream, more.Event, more.Username, more.ClientID, more.Listener, more.Protocol = "audit", event, who, who, "mqtt", protocol
		return more
	}
	will := entry{Stream: "audit", Event: "denied", Username: "bob", ClientID: "bob", Action: "will", Topic: "closed/will"}
	v5, v311 := packet.V5.String(), packet.V311.String()
	want := map[entry]int{
		of("connected", "ann", v5, entry{}):                                                                                 1,
		of("denied", "ann", v5, entry{Action: "publish", Topic: "closed/a"}):                                                1,
		of("denied", "ann", v5, entry{Action: "subscribe", Topic: "closed/#"}):                                              1,
		of("disconnected", "ann", v5, entry{Reason: "the client has disconnected"}):                                         1,
		of("refused", "eve", v311, entry{Code: packet.BadUserNameOrPassword.String(), Reason: "bad user name or password"}): 1,
		of("connected", "bob", v311, entry{}):                                                                               1,
		of("disconnected", "bob", v311, entry{Reason: "the connection was lost"}):                                           1,
		will: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s := out.String(); strings.Contains(s, "payload") || strings.Contains(s, "secret") {
		t.Errorf("a payload or a password is in it:\n%s", s)
	}
}

// TestAuditFlood: one client that is denied all the time fills nothing, and is in nobody's way.
func TestAuditFlood(t *testing.T) {
	cfg := open(t)
	cfg.Authorization.DefaultPolicy = config.PolicyDeny
	cfg.Audit = config.Audit{AuditSettings: config.AuditSettings{Enabled: true, EntriesPerMinutePerClient: 5}}
	var out bytes.Buffer
	b := startWith(t, cfg, server.Deps{Audit: &out}, func(*server.Server) {})
	c := b.connect("flood", true, packet.V5)
	for range 100 {
		c.Publish(text("closed", "x", 1))
	}
	if m := b.Metrics(); m.Audit["rate_limited"] != 96 || m.Denials["publish"] != 100 {
		t.Errorf("audit %v, denials %v", m.Audit, m.Denials)
	}
	b.stop()
	if n := strings.Count(out.String(), "\n"); n != 5 {
		t.Errorf("%d entries:\n%s", n, &out)
	}
}
