package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/health"
)

// TestLook: every command that looks at a broker, on one that has clients, messages and a denial.
func TestLook(t *testing.T) {
	l := startLive(t)
	sensor := l.client("sensor-1", nil)
	l.subscribe(sensor, "sensors/+/set", 1)
	watcher := l.client("\x1b[31mwatcher", nil) // a name that would paint the terminal
	if _, err := watcher.Publish(t.Context(), packet.Publish{Topic: []byte("sensors/1"), QoS: 1, Retain: true, Payload: []byte("20.5")}); err != nil {
		t.Fatal(err)
	}
	if _, err := watcher.Publish(t.Context(), packet.Publish{Topic: []byte("actors/1"), QoS: 1}); err == nil {
		t.Fatal("published what is not allowed")
	}
	t.Run("status", func(t *testing.T) { lookStatus(t, l) })
	t.Run("clients", func(t *testing.T) { lookClients(t, l) })
	t.Run("client", func(t *testing.T) {
		l.cliAt(here, "client sensor-1", 0, "sensor-1   connected for ", "user          alice", "is kept for 1h after the connection",
			"will          sensors/gone, QoS 1, after 0 s", "sensors/+/set     1")
		c := parsed[api.ClientDetail](t, l.cliAt(here, "client sensor-1 -o json", 0))
		if c.ID != "sensor-1" || len(c.SubscriptionList) != 1 || c.Will == nil {
			t.Errorf("%+v", c)
		}
		l.cliAt(here, "client nobody", 1, "kubectl mqtt clients --search nobody lists those whose names are like it")
	})
	t.Run("users", func(t *testing.T) {
		l.cliAt(here, "users", 0, "alice   yes                  2   ops", "bobby   yes                  0")
		if users := parsed[[]userRow](t, l.cliAt(here, "users -o json", 0)); len(users) != 2 || users[0].Connections != 2 {
			t.Errorf("%+v", users)
		}
	})
	t.Run("access", func(t *testing.T) { lookAccess(t, l) })
	t.Run("certs", func(t *testing.T) {
		l.cliAt(here, "certs", 0, "CA of the listeners", "listener mqtts", "until 20")
		certs := parsed[[]certificate](t, l.cliAt(here, "certs -o json", 0))
		i := slices.IndexFunc(certs, func(c certificate) bool { return c.For == "listeners" })
		if i < 0 || !slices.Contains(certs[i].Names, "localhost") || certs[i].RenewAt == nil {
			t.Errorf("%+v", certs)
		}
	})
	t.Run("topics", func(t *testing.T) {
		l.cliAt(here, "topics --for 0s", 0, "sensors", "  1", "retained")
		tree := parsed[topicTree](t, l.cliAt(here, "topics --for 0s -o json --under sensors", 0))
		if len(tree.Below) != 1 || tree.Below[0].Topic != "sensors/1" || !tree.Below[0].Retained {
			t.Errorf("%+v", tree)
		}
		l.cliAt(here, "topics --for 0s --under nothing", 0, "No topic has a retained message")
	})
	t.Run("completion", func(t *testing.T) {
		for typed, want := range map[string]string{
			"status @ ": "", "client @ sen": "sensor-1", "can-i @ ": "alice bobby", "can-i @ alice p": "publish", "can-i @ alice publish sen": "sensors/",
			"can-i @ alice publish x ": "", "acl explain @ a": "alice", "pub @ sensors/": "sensors/1", "sub @ sensors/2": "", "sub @ --as ": "alice bob",
			"sub @ --listener w": "ws wss", "clients @ --user bo": "bobby", "clients @ --listener ": "mqtts plain ws wss", "acl list @ --user ": "alice bobby",
			"acl denials @ --client s": "sensor-1", "trace @ --topic ": "sensors/", "trace @ -o ": "json table wide yaml", "sub @ -o h": "hex json payload table wide yaml", "topics @ --under ": "sensors/",
		} {
			completes(t, strings.Replace(typed, "@", here, 1), want)
		}
	})
	t.Run("top", func(t *testing.T) {
		l.cliAt(here, "top --once --interval 200ms", 0, "in ", "2 connected, 2 sessions, 1 subscription", "sensor-1")
		if v := parsed[view](t, l.cliAt(here, "top --interval 200ms -o json", 0)); v.Overview.Connections != 2 || len(v.Clients) != 2 || v.Seconds <= 0 {
			t.Errorf("%+v", v)
		}
	})
	t.Run("report", func(t *testing.T) { lookReport(t, l) })
	t.Run("kick", func(t *testing.T) {
		l.cliAt(here, "kick sensor-1", 0, "Client sensor-1 is disconnected.\n")
		<-sensor.Done()
		if err := sensor.Err(); !strings.HasPrefix(err.Error(), "DISCONNECT with reason 0x98, Administrative action") {
			t.Error(err)
		}
		l.cliAt(here, "client sensor-1", 0, "away for ", "ends in ")
		l.cliAt(here, "clients --disconnected", 0, "sensor-1", "away")
		l.cliAt(here, "kick sensor-1 --session", 0, "its session has ended")
		l.cliAt(here, "kick sensor-1", 1, "--search sensor-1")
	})
	l.stop()
	for _, line := range []string{
		"status", "clients", "client x", "kick x", "topics --once", "trace", "top", "users", "acl list", "acl denials", "acl explain a", "can-i a publish b", "certs", "report",
		"pub sensors/1 -m x --as alice", "sub sensors/1 --as alice", "bench --as alice",
	} {
		l.cliAt(here, line, 1, "no broker runs by the state folder dunlin-state: start one with kubectl-mqtt run --state-dir dunlin-state")
	}
}

func lookStatus(t *testing.T, l *live) {
	out := l.cliAt(here, "status", 0, "The broker of dunlin-state is well", "2 connected, 2 sessions, 1 subscription", "1 retained", "mqtts      MQTTS", "until 20")
	if strings.Contains(out, "\x1b") {
		t.Errorf("there are colours: %q", out)
	}
	r := parsed[health.Report](t, l.cliAt(here, "status -o json", 0))
	if !r.Well || r.Overview.Connections != 2 || r.Overview.Retained != 1 || r.Users != nil {
		t.Errorf("%+v", r)
	}
	l.cliAt(here, "status -o yaml", 0, "well: true\n")
	l.cliAt(here, "status -o xml", 2, "must be one of table, wide, json, yaml")
	l.cliAt(here, "status edge", 2, "give a BROKER of the cluster or --state-dir, not both")
}

func lookClients(t *testing.T, l *live) {
	out := l.cliAt(here, "clients", 0, `\x1b[31mwatcher`, "sensor-1", "alice", "connected", "5.0")
	if strings.Contains(out, "\x1b") {
		t.Errorf("a client's name does something to the terminal: %q", out)
	}
	l.cliAt(here, "clients -o wide", 0, "IN FLIGHT", "LISTENER")
	page := parsed[api.Page[api.Client]](t, l.cliAt(here, "clients -o json", 0))
	if len(page.Items) != 2 || page.Total != 2 || page.Items[1].ID != "sensor-1" || page.Items[1].Subscriptions != 1 {
		t.Errorf("%+v", page)
	}
	if all := parsed[api.Page[api.Client]](t, l.cliAt(here, "clients --all -o json --limit 1", 0)); len(all.Items) != 2 {
		t.Errorf("all: %+v", all)
	}
	first := parsed[api.Page[api.Client]](t, l.cliAt(here, "clients -o json --limit 1", 0))
	l.cliAt(here, "clients --limit 1", 0, "1 of 2 clients. The next page: --after ")
	if next := parsed[api.Page[api.Client]](t, l.cliWith("", append(strings.Fields("clients -o json --after="+first.Next), strings.Fields(here)...), 0)); len(next.Items) != 1 || next.Items[0].ID != "sensor-1" {
		t.Errorf("after %q: %+v", first.Next, next)
	}
	for filter, want := range map[string]int{"--search sensor": 1, "--user alice": 2, "--user bobby": 0, "--connected": 2, "--disconnected": 0, "--listener mqtts": 0} {
		if got := parsed[api.Page[api.Client]](t, l.cliAt(here, "clients -o json "+filter, 0)); len(got.Items) != want {
			t.Errorf("%s: %+v, want %d", filter, got, want)
		}
	}
	l.cliAt(here, "clients --search none", 0, "No client fits.\n")
	l.cliAt(here, "clients --limit 0", 2, "--limit 0 is not from 1 to 1000")
	l.cliAt(here, "clients --connected --disconnected", 2, "none of the others can be")
}

func lookAccess(t *testing.T, l *live) {
	l.cliAt(here, "acl list", 0, "default/sensors rule 1", "Group ops", "Publish, Subscribe", "sensors/#")
	rules := parsed[[]api.Rule](t, l.cliAt(here, "acl list -o json --user bobby", 0))
	if len(rules) != 1 || rules[0].Name != "default/bob-reads rule 1" || rules[0].Used != nil {
		t.Errorf("%+v", rules)
	}
	if rules := parsed[[]api.Rule](t, l.cliAt(here, "acl list -o json --user alice", 0)); len(rules) != 1 || rules[0].Subjects[0] != "Group ops" || rules[0].Used == nil {
		t.Errorf("%+v", rules)
	}
	l.cliAt(here, "acl list --user eve", 0, "The broker knows no user eve", "No rule is about this user: the default policy decides everything.")
	l.cliAt(here, "acl denials", 0, `\x1b[31mwatcher`, "Publish", "actors/1", "no rule allows it")
	if denials := parsed[[]api.Denial](t, l.cliAt(here, "acl denials -o json --user alice", 0)); len(denials) != 1 || denials[0].Topic != "actors/1" {
		t.Errorf("%+v", denials)
	}
	l.cliAt(here, "acl denials --client sensor-1", 0, "Nothing that fits was refused")
	l.cliAt(here, "can-i alice publish sensors/1", 0, "yes: ", "default/sensors rule 1: Allow Publish, Subscribe to Group ops on sensors/#")
	l.cliAt(here, "can-i bobby publish sensors/1", 1, "no: no rule allows it")
	if d := parsed[api.Decision](t, l.cliAt(here, "can-i bobby sub sensors/# -o json", 0)); !d.Allowed || d.Rule == nil {
		t.Errorf("%+v", d)
	}
	l.cliAt(here, "acl explain alice", 0, "Allow     sensors/#                0   default/sensors rule 1", "Deny      everything else          -   default policy")
	if e := parsed[explanation](t, l.cliAt(here, "acl explain bobby -o json", 0)); len(e.Publish) != 0 || len(e.Subscribe) != 1 || e.DefaultPolicy != "Deny" {
		t.Errorf("%+v", e)
	}
	l.cliAt(here, "acl explain eve", 1, "there is no user eve, or it is suspended")
	l.cliAt(here, "acl explain", 2, "give the name of one BROKER")
	l.cliAt(here, "can-i alice read sensors/1", 2, `"read" is neither publish nor subscribe`)
	l.cliAt(here, "can-i alice publish", 2, "give the name of one BROKER")
	l.cliAt(here, "can-i alice publish sensors/#", 1, "topic")
}

// lookReport: no secret of the state folder is in the bundle.
func lookReport(t *testing.T, l *live) {
	l.cliAt(here, "report -o r.tar.gz", 0, "r.tar.gz is a report on the broker of dunlin-state.")
	l.cliAt(here, "report -o r.tar.gz", 1, "r.tar.gz is there already")
	l.cliAt(here, "report -o r.tar.gz --force", 0)
	files := unpack(t, "r.tar.gz")
	for _, name := range []string{"version.txt", "status.txt", "status.json", "broker/clients.json", "broker/rules.json", "broker/denials.json", "broker/metrics.txt"} {
		if len(files[name]) == 0 {
			t.Errorf("there is no %s in it", name)
		}
	}
	if missing, ok := files["MISSING.txt"]; ok {
		t.Errorf("missing: %s", missing)
	}
	for _, secret := range secretsOf(t) {
		for name, content := range files {
			if strings.Contains(content, secret) {
				t.Errorf("%s has the secret %s", name, secret)
			}
		}
	}
	if info, err := os.Stat("r.tar.gz"); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// secretsOf are all values in the state folder that are secret.
func secretsOf(t *testing.T) []string {
	t.Helper()
	var secrets []string
	err := os.CopyFS(t.TempDir(), os.DirFS("dunlin-state")) // that all of it can be read
	for _, file := range []string{
		"users/alice/password", "users/alice/hash", "users/bob/password", "users/bob/hash", "ca.key", "tls.key", "admin/client.key", "admin/tls.key",
	} {
		content, failed := os.ReadFile("dunlin-state/" + file)
		if failed != nil {
			err = failed
			continue
		}
		for _, line := range strings.Fields(string(content)) {
			if len(line) >= 16 && !strings.HasPrefix(line, "-----") {
				secrets = append(secrets, line)
			}
		}
	}
	if err != nil || len(secrets) < 8 {
		t.Fatal(err, len(secrets))
	}
	return secrets
}

// unpack is a bundle's files, by the name below its folder.
func unpack(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(gz); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(head.Name, "/")
		files[name] = string(content)
	}
}

// TestTraceLive: packets of live traffic, as they are asked for.
func TestTraceLive(t *testing.T) {
	l := startLive(t)
	c := l.client("sensor-1", nil)
	ctx, cancel := context.WithCancel(t.Context())
	traffic := make(chan struct{})
	go func() {
		defer close(traffic)
		for ctx.Err() == nil {
			_, _ = c.Publish(ctx, packet.Publish{Topic: []byte("sensors/1"), QoS: 1, Payload: []byte("20.5\x1b[2J")})
		}
	}()
	defer func() { cancel(); <-traffic }()
	out := l.cliAt(here, "trace --count 2 --client sensor-1 --topic sensors/# --payload", 0,
		"sensor-1 > PUBLISH sensors/1 QoS 1 id ", `| 20.5\x1b[2J`)
	if n := strings.Count(out, "\n"); n != 2 || strings.Contains(out, "\x1b") {
		t.Errorf("%d lines: %q", n, out)
	}
	for _, line := range strings.SplitAfter(strings.TrimSpace(l.cliAt(here, "trace -o json --count 3 --user alice", 0)), "\n") {
		if e := parsed[api.Event](t, line); e.Client != "sensor-1" || e.User != "alice" || e.Payload != nil {
			t.Errorf("%+v", e)
		}
	}
	l.cliAt(here, "trace -o wide --count 1", 0, " bytes user alice")
	if out := l.cliAt(here, "trace --for 100ms --client nobody", 0); out != "" {
		t.Errorf("of nobody: %s", out)
	}
	l.cliAt(here, "trace --topic a/#/b", 1, "ask for a trace: ")
	l.cliAt(here, "trace --count -1", 2, "neither can be negative")
}
