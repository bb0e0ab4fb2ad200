package console

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// patience is how long a test waits for what should come at once. A machine that builds beside the tests is slow.
const patience = time.Minute

// The tokens and the passwords of the plant.
const (
	writeToken = "write-me-0123456789abcdef"
	readToken  = "read-me-0123456789abcdef"
	secret     = "pässword: 1"
)

// broker is a running dunlin-broker.
type broker struct {
	mqtt, admin string // host:port
	socket      string // of MQTT, too
	keyPin      string // of its certificate: base64 SHA-256 of its key
	state       string // the folder by which kubectl-mqtt finds it
}

// serve runs a broker with the plant's users and rules, and returns once it listens.
func serve(t *testing.T) *broker {
	t.Helper()
	daemon.DependOnSources()
	dir := t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, children.AdminServerName)
	tls := &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile}
	c := config.Config{
		Listeners: []config.Listener{
			{Host: "127.0.0.1", ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: int32(freeport.For(t))}},
			{Socket: filepath.Join(dir, "mqtt.sock"), ListenerSettings: config.ListenerSettings{Name: "here", Protocol: config.ProtocolMQTT}},
			{Host: "127.0.0.1", ListenerSettings: config.ListenerSettings{Name: "wss", Protocol: config.ProtocolWSS, Port: int32(freeport.For(t)), Path: "/mqtt"}, TLS: tls},
		},
		Authorization: config.Authorization{DefaultPolicy: config.PolicyDeny},
		AuthFiles:     config.AuthFiles{BundleDir: bundle(t, filepath.Join(dir, "auth"))},
		Store:         config.Store{Dir: filepath.Join(dir, "store")},
		Admin: config.Admin{
			Address: fmt.Sprint("127.0.0.1:", int32(freeport.For(t))), CertFile: certFile, KeyFile: keyFile,
			TokensFile: filepath.Join(dir, "tokens"), AdminUsers: config.AdminUsers{ReadGroup: "viewers", WriteGroup: "operators"},
		},
		Log: config.Log{Format: config.LogText},
	}
	state := stateFolder(t, &c.Admin)
	write(t, c.Admin.TokensFile, []byte("laptop:Write:"+sum([]byte(writeToken))+"\nwall:Read:"+sum([]byte(readToken))+"\n"))
	file := filepath.Join(dir, "broker.json")
	writeJSON(t, file, c)
	start(t, file, len(c.Listeners)+1)
	cert, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	spki := sha256.Sum256(keypairtest.Pair(t, cert, key).Leaf.RawSubjectPublicKeyInfo)
	return &broker{
		mqtt: fmt.Sprint("127.0.0.1:", c.Listeners[0].Port), socket: c.Listeners[1].Socket, admin: c.Admin.Address,
		keyPin: base64.StdEncoding.EncodeToString(spki[:]), state: state,
	}
}

// stateFolder is what kubectl-mqtt run would leave of the admin API, with a key of its own for who asks.
func stateFolder(t *testing.T, admin *config.Admin) string {
	t.Helper()
	cert, key := keypairtest.New(t, "kubectl-mqtt")
	pin := sha256.Sum256(keypairtest.Pair(t, cert, key).Leaf.RawSubjectPublicKeyInfo)
	admin.ClientKeyPins = []string{hex.EncodeToString(pin[:])}
	ca, err := os.ReadFile(admin.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "admin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"address": []byte(admin.Address), "ca.crt": ca, "client.crt": cert, "client.key": key} {
		write(t, filepath.Join(dir, "admin", name), content)
	}
	return dir
}

// start runs the program until the test's end, and returns once so many addresses are served.
func start(t *testing.T, file string, addresses int) {
	t.Helper()
	cmd := exec.Command(program, "--config", file)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var said strings.Builder
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if !strings.Contains(lines.Text(), "audit=true") { // there are thousands
				mu.Lock()
				said.WriteString(lines.Text() + "\n")
				mu.Unlock()
			}
			if strings.Contains(lines.Text(), "msg=listening") || strings.Contains(lines.Text(), `msg="serving admin API"`) {
				if addresses--; addresses == 0 {
					close(ready)
				}
			}
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-done
		if t.Failed() {
			t.Logf("dunlin-broker printed:\n%.8000s", said.String())
		}
	})
	select {
	case <-ready:
	case <-done:
		t.Fatal("dunlin-broker has ended")
	case <-time.After(patience):
		t.Fatal("dunlin-broker does not listen")
	}
}

// bundle writes the users and rules, as the operator would.
func bundle(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var passwords strings.Builder
	var users config.UserSet
	for _, u := range []config.UserAttributes{
		{Name: "line1", Groups: []string{"presses"}}, {Name: "line2", Groups: []string{"presses"}}, {Name: "line3", Groups: []string{"presses"}},
		{Name: "dashboard"}, {Name: "historian"}, {Name: "alice", Groups: []string{"operators"}}, {Name: "visitor", Groups: []string{"viewers"}},
	} {
		hash, err := password.HashWith([]byte(secret), []byte("twelve bytes"), 1)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&passwords, "%s:%s\n", u.Name, hash)
		users.Users = append(users.Users, u)
	}
	const publish, subscribe = config.ActionPublish, config.ActionSubscribe
	rule := func(effect config.Effect, action config.Action, topics ...string) config.Rule {
		return config.Rule{Effect: effect, Actions: []config.Action{action}, Topics: topics}
	}
	acl := func(name string, kind config.SubjectKind, subject string, rules ...config.Rule) config.ACL {
		return config.ACL{Name: name, ACLRules: config.ACLRules{Subjects: []config.Subject{{Kind: kind, Name: subject}}, Rules: rules}}
	}
	acls := config.ACLSet{ACLs: []config.ACL{
		acl("plant/presses", config.SubjectGroup, "presses",
			rule(config.Allow, publish, "plant/${username}/+/temperature", "plant/${username}/+/vibration", "plant/${username}/+/power", "plant/${username}/+/status"),
			rule(config.Allow, subscribe, "plant/${username}/+/command")),
		acl("plant/watchers", config.SubjectUser, "dashboard", rule(config.Allow, subscribe, "plant/#")),
		acl("plant/archive", config.SubjectUser, "historian", rule(config.Allow, subscribe, "plant/+/+/status")),
		acl("plant/operators", config.SubjectGroup, "operators",
			rule(config.Allow, publish, "plant/+/+/command", "try/#"), rule(config.Allow, subscribe, "plant/#", "try/#")),
		acl("plant/maintenance", config.SubjectGroup, "maintenance", rule(config.Allow, publish, "plant/+/+/firmware")),
	}}
	files := map[string]string{}
	add := func(name string, content []byte) {
		write(t, filepath.Join(dir, name), content)
		files[name] = sum(content)
	}
	add(fmt.Sprintf(config.BundlePasswordsFmt, 0), []byte(passwords.String()))
	add(fmt.Sprintf(config.BundleUsersFmt, 0), encode(t, users))
	add(fmt.Sprintf(config.BundleACLsFmt, 0), encode(t, acls))
	writeJSON(t, filepath.Join(dir, config.BundleManifest), config.Manifest{Revision: sum(encode(t, files)), Files: files})
	return dir
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeJSON(t *testing.T, file string, v any) {
	t.Helper()
	write(t, file, encode(t, v))
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
