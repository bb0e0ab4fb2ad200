package local

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manifests"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// kinds are shorthands for the objects of a test.
var kinds = strings.NewReplacer(
	"BROKER", "---\napiVersion: mqtt.dunlin.dev/v1alpha1\nkind: Broker\nmetadata: {name: edge}\nspec:",
	"USER", "---\napiVersion: mqtt.dunlin.dev/v1alpha1\nkind: User\nmetadata:",
	"ACL", "---\napiVersion: mqtt.dunlin.dev/v1alpha1\nkind: ACL\nmetadata:",
	"SECRET", "---\napiVersion: v1\nkind: Secret\nmetadata:",
	"REF", "brokerRef: {name: edge}",
)

func load(t *testing.T, text string) *manifests.Set {
	t.Helper()
	loader, err := sharedLoader()
	if err != nil {
		t.Fatal(err)
	}
	loader.Stdin = strings.NewReader(kinds.Replace(text))
	set, problems := loader.Load([]string{"-"})
	if bad := problems.Errors(); len(bad) > 0 {
		t.Fatal(&InvalidError{bad})
	}
	return set
}

// planOf is the plan for a state folder in the current folder.
func planOf(t *testing.T, text string, at time.Time) *plan {
	t.Helper()
	p, err := makePlan(load(t, text), Options{ListenHost: "127.0.0.1"}, ReadState("state"), at)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMembers(t *testing.T) {
	t.Chdir(t.TempDir())
	const text = `
BROKER {}
USER {name: generated}
spec: {REF, groups: [ops]}
USER {name: long, namespace: default}
spec: {REF, authentication: {password: {generate: {length: 64}}}}
USER {name: hashed}
spec: {REF, authentication: {password: {passwordHash: $7$101$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==}}}
USER {name: secret}
spec: {REF, authentication: {password: {secretRef: {name: own}}}}
USER {name: lost}
spec: {REF, authentication: {password: {secretRef: {name: missing}}}}
USER {name: suspended}
spec: {REF, suspended: true}
`
	p := planOf(t, text+"SECRET {name: own}\nstringData: {password: my own}\n", now)
	var names []string
	for _, m := range p.members {
		names = append(names, m.Username)
	}
	if diff := cmp.Diff([]string{"generated", "hashed", "long", "secret"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"User default/lost is left out: Secret default/missing is not among the files"}, p.notes); diff != "" {
		t.Error(diff)
	}
	if got := strings.TrimSpace(readFile(t, "state/users/long/password")); len(got) != 64 {
		t.Errorf("password %q has %d characters, want 64", got, len(got))
	}
	if ok, err := password.Verify(p.members[3].PasswordHash, []byte("my own")); !ok || err != nil {
		t.Errorf("the password of the Secret: %v, %v", ok, err)
	}
	if _, err := os.Stat("state/users/secret/password"); err == nil {
		t.Error("a password from a Secret is copied")
	}

	// The Secret goes: the password that is in force stays.
	q := planOf(t, text, now)
	if q.members[3].PasswordHash != p.members[3].PasswordHash || q.bundle.Revision != p.bundle.Revision {
		t.Error("a Secret that is gone changes the password")
	}
	if want := "User default/secret keeps the password that it has: Secret default/own is not among the files"; len(q.notes) != 2 || q.notes[1] != want {
		t.Errorf("notes %q, want %q", q.notes, want)
	}
}

// TestScramMembers: keys are made of a password that is known, and stay while it does.
func TestScramMembers(t *testing.T) {
	t.Chdir(t.TempDir())
	const text = `
BROKER {}
USER {name: alice}
spec: {REF, authentication: {password: {scram: [SCRAM-SHA-256, SCRAM-SHA-512]}}}
USER {name: secret}
spec: {REF, authentication: {password: {secretRef: {name: own}, scram: [SCRAM-SHA-512]}}}
`
	const own = "SECRET {name: own}\nstringData: {password: %s}\n"
	first := planOf(t, text+fmt.Sprintf(own, "one"), now)
	if n := len(first.members[0].ScramKeys); n != 2 || len(first.members[1].ScramKeys) != 1 {
		t.Fatalf("%d keys, and %d", n, len(first.members[1].ScramKeys))
	}
	for name, again := range map[string]*plan{
		"the same": planOf(t, text+fmt.Sprintf(own, "one"), now), "without the Secret": planOf(t, text, now),
	} {
		if again.bundle.Revision != first.bundle.Revision {
			t.Errorf("%s: the keys change by themselves", name)
		}
	}
	other := planOf(t, text+fmt.Sprintf(own, "two"), now)
	if other.members[1].ScramKeys[0] == first.members[1].ScramKeys[0] || other.members[0].ScramKeys[0] != first.members[0].ScramKeys[0] {
		t.Error("keys of another password stay, or of the same do not")
	}

	// Keys that are not asked for are forgotten: they are of the password of that time.
	without := strings.ReplaceAll(text, "name: own}, scram: [SCRAM-SHA-512]", "name: own}")
	if keys := planOf(t, without, now).members[1].ScramKeys; len(keys) != 0 {
		t.Errorf("%d keys that nobody asks for", len(keys))
	}
	planOf(t, without+fmt.Sprintf(own, "three"), now)
	if again := planOf(t, text+fmt.Sprintf(own, "three"), now); again.members[1].ScramKeys[0] == other.members[1].ScramKeys[0] {
		t.Error("the keys of a password of before are in force again")
	}
}

func noAddress(string) net.Addr { return nil }

// TestClientCAs: what clients' certificates are verified by comes from Secrets, and nothing runs without.
func TestClientCAs(t *testing.T) {
	t.Chdir(t.TempDir())
	const text = `
BROKER {tls: {clientAuth: Require, clientCASecretName: ca, clientCRLSecretName: crl}, authentication: {clientCertificate: {usernameFrom: CommonName}}}
`
	const ca, crl = "SECRET {name: ca}\nstringData: {ca.crt: the CA}\n", "SECRET {name: crl}\nstringData: {ca.crl: the list}\n"
	p := planOf(t, text+ca+crl, now)
	tls := p.config.Listeners[0].TLS
	if tls.ClientAuth != config.ClientAuthRequire || readFile(t, tls.ClientCAFile) != "the CA" || readFile(t, tls.CRLFiles[0]) != "the list" {
		t.Errorf("%+v", tls)
	}
	if flags := p.connectFlags(example{}, p.config.Listeners[0], noAddress); !strings.Contains(flags, " --cert CLIENT.crt --key CLIENT.key") {
		t.Errorf("the example connects without a certificate: %s", flags)
	}
	next := planOf(t, text+ca+strings.ReplaceAll(crl, "the list", "the next list"), now)
	if next.restarts(p) || readFile(t, tls.CRLFiles[0]) != "the next list" {
		t.Error("a new list restarts the broker, or is not there")
	}
	for _, without := range []string{crl, ca, ca + strings.ReplaceAll(crl, "ca.crl", "crl")} {
		if _, err := makePlan(load(t, text+without), Options{}, ReadState("state"), now); err == nil || !strings.Contains(err.Error(), "among the files") {
			t.Errorf("without it: %v", err)
		}
	}
}

// TestCollector: what the collector of spans asks for comes from Secrets; without them a broker runs all the same, and says so.
func TestCollector(t *testing.T) {
	t.Chdir(t.TempDir())
	const text = `
BROKER {tracing: {endpoint: "https://otel:4318/v1/traces", headersSecretName: collector, caSecretName: collector}}
`
	const secret = "SECRET {name: collector}\nstringData: {headers: 'Authorization: Bearer x', ca.crt: the CA}\n"
	p := planOf(t, text+secret, now)
	if got := p.config.Tracing; readFile(t, got.HeadersFile) != "Authorization: Bearer x" || readFile(t, got.CAFile) != "the CA" || len(p.notes) != 0 {
		t.Errorf("%+v, %q", got, p.notes)
	}
	next := planOf(t, text+strings.ReplaceAll(secret, "Bearer x", "Bearer y"), now)
	if next.restarts(p) || readFile(t, p.config.Tracing.HeadersFile) != "Authorization: Bearer y" {
		t.Error("another token restarts the broker, or is not there")
	}
	without := planOf(t, text, now)
	if _, err := os.Stat(p.config.Tracing.HeadersFile); !errors.Is(err, fs.ErrNotExist) || len(without.notes) != 2 || !strings.Contains(without.notes[0], "with a key headers") {
		t.Errorf("a Secret that is gone leaves %v, %q", err, without.notes)
	}
}

func TestStateOfOtherNamespaces(t *testing.T) {
	t.Chdir(t.TempDir())
	p := planOf(t, `
BROKER {allowedNamespaces: {}}
USER {name: alice, namespace: default}
spec: {REF}
USER {name: alice, namespace: team}
spec: {brokerRef: {name: edge, namespace: default}, username: alice.team}
`, now)
	var got []string
	for _, m := range p.members {
		got = append(got, m.Username+" "+m.passwordFile)
	}
	want := []string{"alice state/users/alice/password", "alice.team state/users/alice@team/password"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPasswordOfOnesOwn(t *testing.T) {
	t.Chdir(t.TempDir())
	const text = "BROKER {}\nUSER {name: alice, namespace: default}\nspec: {REF}\n"
	first := planOf(t, text, now)
	if err := os.WriteFile("state/users/alice/password", []byte("by hand\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := planOf(t, text, now)
	if ok, err := password.Verify(second.members[0].PasswordHash, []byte("by hand")); !ok || err != nil {
		t.Errorf("verified %v, error %v", ok, err)
	}
	if err := os.Remove("state/users/alice/password"); err != nil {
		t.Fatal(err)
	}
	third := planOf(t, text, now)
	if h := third.members[0].PasswordHash; h == second.members[0].PasswordHash || h == first.members[0].PasswordHash {
		t.Error("a password that was removed is still in force")
	}
}

func TestCertificates(t *testing.T) {
	t.Chdir(t.TempDir())
	const text = "BROKER {tls: {dnsNames: [mqtt.example.com], durationSeconds: 7776000}}"
	p := planOf(t, text, now)
	pair, err := readPair(p.certs.certFile, p.certs.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"localhost", "127.0.0.1", "::1", "edge.default.svc", "edge.default.svc.cluster.local", "mqtt.example.com"}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if _, err := pki.CheckPair(pair, []byte(readFile(t, p.certs.caFile)), names, now); err != nil {
		t.Error(err)
	}
	if want := now.Add(-5*time.Minute + (90*24*time.Hour+5*time.Minute)/3*2); !p.certs.renewAt.Equal(want) {
		t.Errorf("renewed at %s, want %s", p.certs.renewAt, want)
	}
	ca := readFile(t, p.certs.caFile)
	before := readFile(t, "state/tls.crt")
	if planOf(t, text, p.certs.renewAt.Add(-time.Second)); readFile(t, "state/tls.crt") != before {
		t.Error("renewed before it is due")
	}
	next := planOf(t, text, p.certs.renewAt)
	if readFile(t, "state/tls.crt") == before || next.restarts(p) || readFile(t, next.certs.caFile) != ca {
		t.Error("not renewed when due, or with a restart, or by another CA")
	}
	other := planOf(t, strings.Replace(text, "mqtt.", "mqtt2.", 1), now)
	if other.restarts(p) {
		t.Error("another name in the certificate restarts the broker")
	}
}

func TestCertificateOfOnesOwn(t *testing.T) {
	t.Chdir(t.TempDir())
	ca, err := pki.NewCA("own", now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := pki.IssueServer(ca, []string{"mqtt.example.com"}, nil, time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	indent := func(pem []byte) string { return strings.ReplaceAll("\n"+string(pem), "\n", "\n    ") }
	secret := "\nSECRET {name: own}\nstringData:\n  tls.crt: |" + indent(pair.CertPEM) + "\n  tls.key: |" + indent(pair.KeyPEM)
	const broker = "BROKER {tls: {secretName: own}}"
	p := planOf(t, broker+secret+"\n  ca.crt: |"+indent(ca.CertPEM), now)
	if !p.certs.renewAt.IsZero() || readFile(t, p.certs.caFile) != string(ca.CertPEM) || readFile(t, p.certs.certFile) != string(pair.CertPEM) {
		t.Errorf("certificates %+v", p.certs)
	}
	if p := planOf(t, broker+secret, now); p.certs.caFile != "" {
		t.Errorf("a CA out of nowhere: %s", p.certs.caFile)
	}
	_, err = makePlan(load(t, broker+secret), Options{}, ReadState("state"), now.Add(time.Hour))
	if want := "certificates of Broker default/edge: check Secret default/own: certificate expired at 2026-03-01T13:00:00Z"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	absent := planOf(t, broker, now)
	if len(absent.notes) != 1 || !strings.Contains(absent.notes[0], "Secret default/own is not among the files") || absent.certs.caFile != filepath.Join("state", "ca.crt") {
		t.Errorf("notes %q, certificates %+v", absent.notes, absent.certs)
	}
}

func TestBrokenCA(t *testing.T) {
	t.Chdir(t.TempDir())
	planOf(t, "BROKER {}", now)
	if err := os.WriteFile("state/ca.key", []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := makePlan(load(t, "BROKER {}"), Options{}, ReadState("state"), now)
	if err == nil || !strings.Contains(err.Error(), "CA in state/ca.crt and state/ca.key: private key: ") || !strings.Contains(err.Error(), "remove both for a new one") {
		t.Errorf("got %v", err)
	}
}

func TestWriteBundle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "auth")
	var rules []render.NamedACL
	for _, accounts := range [][]render.Account{
		{{Username: "alice", PasswordHash: "$7$x"}, {Username: "bob", PasswordHash: "$7$x", Groups: []string{"ops"}}},
		{{Username: "bob", PasswordHash: "$7$x"}},
		nil,
	} {
		b, err := render.Auth(accounts, rules, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // again changes nothing
			if err := writeBundle(dir, b); err != nil {
				t.Fatal(err)
			}
		}
		if !intact(dir, bundleFiles(b)) {
			t.Error("the files are not the bundle's")
		}
		entries, err := os.ReadDir(dir)
		if want := len(bundleFiles(b)) + 2; err != nil || len(entries) != want { // ..data and its folder
			t.Errorf("%d entries, want %d, error %v: %v", len(entries), want, err, entries)
		}
		// A file that somebody spoilt is mended.
		if err := os.WriteFile(filepath.Join(dir, config.BundleManifest), []byte("spoilt"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := writeBundle(dir, b); err != nil || !intact(dir, bundleFiles(b)) {
			t.Errorf("not mended, error %v", err)
		}
	}
}

func TestFilesMakesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	set := load(t, "BROKER {}\nUSER {name: alice, namespace: default}\nspec: {REF}\n")
	files, notes, err := Files(set, "", ReadState("state"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want := "User default/alice is left out: its password is made by kubectl-mqtt run, and state has none yet"
	if len(files) != 2 || len(notes) != 1 || notes[0] != want {
		t.Errorf("%d files, notes %q, want %q", len(files), notes, want)
	}
	if _, err := os.Stat("state"); err == nil {
		t.Error("a state folder is made")
	}
	// With a run's state, the files are those that the run's broker reads.
	p, err := makePlan(set, Options{}, ReadState("state"), now)
	if err != nil {
		t.Fatal(err)
	}
	files, notes, err = Files(set, "", ReadState("state"), rand.Reader)
	if err != nil || len(notes) != 0 || !bytes.Equal(files["auth/manifest.json"], p.bundle.Manifest) {
		t.Errorf("error %v, notes %q, manifest:\n%s", err, notes, files["auth/manifest.json"])
	}
}

func TestExample(t *testing.T) {
	const alice = "USER {name: alice, namespace: default}\nspec: {REF, groups: [ops]}\n"
	rule := func(subject, actions, topics string) string {
		return "ACL {name: a}\nspec: {REF, subjects: [" + subject + "], rules: [{actions: [" + actions + "], topics: " + topics + "}]}\n"
	}
	const me, both = "{kind: User, name: alice}", "Publish, Subscribe"
	const who = `-u alice -P "$(cat state/users/alice/password)"`
	const connect = "-h 127.0.0.1 -p 8883 --cafile state/ca.crt "
	for _, tt := range []struct {
		name, text string
		want       []string // lines
	}{
		{"both", "BROKER {}\n" + alice + rule(me, both, `["sensors/+/#"]`), []string{
			"mosquitto_sub " + connect + who + " -v -t 'sensors/+/#'", "mosquitto_pub " + connect + who + " -t sensors/demo/demo -m hello"}},
		{"group", "BROKER {}\n" + alice + rule("{kind: Group, name: ops}", "Subscribe", "[a]"), []string{
			"mosquitto_sub " + connect + who + " -v -t a"}},
		{"variables", "BROKER {}\n" + alice + rule("{kind: Everyone}", both, `["${username}/${clientid}/x"]`), []string{
			"mosquitto_sub " + connect + "-i alice " + who + " -v -t alice/alice/x", "mosquitto_pub " + connect + "-i alice " + who + " -t alice/alice/x -m hello"}},
		{"filter that covers", "BROKER {}\n" + alice + "ACL {name: a}\nspec: {REF, subjects: [" + me + "], rules: [{actions: [Subscribe], topics: ['$SYS/#', own, 'in/#']}, {actions: [Publish], topics: [in/x]}]}\n", []string{
			"mosquitto_sub " + connect + who + " -v -t 'in/#'", "mosquitto_pub " + connect + who + " -t in/x -m hello"}},
		{"quotes", "BROKER {}\nUSER {name: alice, namespace: default}\nspec: {REF, username: \"it's me\"}\n" + rule("{kind: Everyone}", "Publish", "['a b']"), []string{
			"mosquitto_pub " + connect + `-u 'it'\''s me' -P "$(cat state/users/alice/password)" -t 'a b' -m hello`}},
		{"default policy", "BROKER {authorization: {defaultPolicy: Allow}}\n" + alice, []string{
			"mosquitto_sub " + connect + who + " -v -t 'demo/#'", "mosquitto_pub " + connect + who + " -t demo/demo -m hello"}},
		{"anonymous", "BROKER {authentication: {allowAnonymous: true}, listeners: [{name: p, port: 8883, protocol: MQTT}]}\n" + rule("{kind: Anonymous}", "Publish", "[x]"), []string{
			"mosquitto_pub -h 127.0.0.1 -p 8883 -t x -m hello"}},
		{"others only", "BROKER {}\n" + alice + rule("{kind: User, name: bob}", both, "[x]"), []string{
			"Nothing is allowed yet as alice: add an ACL that names this Broker."}},
		{"denied only", "BROKER {}\n" + alice + "ACL {name: a}\nspec: {REF, subjects: [" + me + "], rules: [{effect: Deny, actions: [Publish], topics: [x]}]}\n", []string{
			"Nothing is allowed yet as alice: add an ACL that names this Broker."}},
		{"nobody", "BROKER {}", []string{"Nobody can connect yet: add a User that names this Broker."}},
		{"better user", "BROKER {}\nUSER {name: aaron}\nspec: {REF}\n" + alice + rule(me, both, "[x]"), []string{
			"mosquitto_sub " + connect + who + " -v -t x", "mosquitto_pub " + connect + who + " -t x -m hello"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var out bytes.Buffer
			printExample(&out, planOf(t, tt.text, now), func(string) net.Addr { return &net.TCPAddr{Port: 8883} })
			var got []string
			for line := range strings.SplitSeq(out.String(), "\n") {
				if line = strings.TrimSpace(line); line != "" && !strings.HasSuffix(line, ":") {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
