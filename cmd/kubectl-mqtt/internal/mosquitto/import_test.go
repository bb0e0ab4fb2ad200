package mosquitto

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manifests"
)

var update = flag.Bool("update", false, "write the golden files")

// Hashes as mosquitto_passwd makes them, of "secret".
const passwords = `alice:$7$101$ECWPJxVlUlGQH5zZ$8xm13AUsPWRXBeN1H6r8EULDhuIR8a6ec0N1pGrnI9WFPXQNXrwKq9w0eCuzYNw7bBdkm1g/968WAzqTfocgqA==
Line 4 PLC:$7$101$en59s/9jPCqa/o3I$KgPJFdy/XNp41EV0zKJxC3t7W4tkbkQg6hBv+DsyWc9+JuHYNm9IkZq4sXj9rZjfqJcbHrA6rkgK0OkJutzlog==
line-4-plc:$7$101$en59s/9jPCqa/o3I$KgPJFdy/XNp41EV0zKJxC3t7W4tkbkQg6hBv+DsyWc9+JuHYNm9IkZq4sXj9rZjfqJcbHrA6rkgK0OkJutzlog==
bob:in the clear
alice:$7$101$ECWPJxVlUlGQH5zZ$8xm13AUsPWRXBeN1H6r8EULDhuIR8a6ec0N1pGrnI9WFPXQNXrwKq9w0eCuzYNw7bBdkm1g/968WAzqTfocgqA==
nobody
`

// folder has files by name, with DIR in them replaced by its path.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestGolden: the objects and the notes of a configuration that has everything; the objects are valid.
func TestGolden(t *testing.T) {
	dir := folder(t, map[string]string{
		"mosquitto.conf": fixture(t, "all.conf"), "aclfile": fixture(t, "aclfile"), "passwd": passwords,
		"conf.d/20.conf": "max_keepalive 600\n", "conf.d/10.conf": "max_keepalive 100\nmax_packet_size 200000\n", "conf.d/no": "what is this\n",
	})
	i, err := Read(filepath.Join(dir, "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	documents, err := i.Objects(Target{Name: "edge", Namespace: "plant"})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, n := range i.Notes {
		got.WriteString(n.String() + "\n")
	}
	var objects strings.Builder
	for _, d := range documents {
		objects.WriteString("---\n" + string(d.YAML))
	}
	text := strings.ReplaceAll(got.String()+objects.String(), dir, "DIR")
	golden := filepath.Join("testdata", "all.yaml")
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(fixture(t, "all.yaml"), text); diff != "" {
		t.Errorf("-want +got (-update accepts it):\n%s", diff)
	}
	valid(t, objects.String())
}

var schemas = sync.OnceValues(manifests.NewSchemas)

// valid fails if the API server would refuse the objects.
func valid(t *testing.T, objects string) {
	t.Helper()
	schemas, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "objects.yaml")
	if err := os.WriteFile(file, []byte(objects), 0o600); err != nil {
		t.Fatal(err)
	}
	loader := manifests.Loader{Schemas: schemas}
	_, problems := loader.Load([]string{file})
	for _, p := range problems.Errors() {
		t.Error(p)
	}
}

// TestSettings: single settings, and what comes of them.
func TestSettings(t *testing.T) {
	local := []config.Listener{{ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: 1883}, Host: "127.0.0.1"}}
	everywhere := []config.Listener{{ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: 1884}}}
	for name, test := range map[string]struct {
		conf string
		want func(*config.Config)
		lost int
	}{
		"nothing: this machine, everybody":  {"", func(c *config.Config) { c.Listeners, c.Authentication.AllowAnonymous = local, true }, 0},
		"nothing, but nobody":               {"allow_anonymous false\n", func(c *config.Config) { c.Listeners = local }, 0},
		"a port":                            {"port 1884\n", func(c *config.Config) { c.Listeners = everywhere }, 0},
		"a listener: nobody without a name": {"listener 1884\n", func(c *config.Config) { c.Listeners = everywhere }, 0},
		"a listener, and everybody":         {"listener 1884\nallow_anonymous true\n", func(c *config.Config) { c.Listeners, c.Authentication.AllowAnonymous = everywhere, true }, 0},
		"listeners that differ": {"listener 1884\nallow_anonymous true\nlistener 1883 127.0.0.1\nallow_anonymous false\n", func(c *config.Config) {
			c.Listeners = append([]config.Listener{}, everywhere[0], local[0])
			c.Listeners[1].Name = "mqtt-1883"
		}, 1},
		"the same port twice": {"listener 1884\nlistener 1884\n", func(c *config.Config) { c.Listeners = everywhere }, 1},
		"a store": {"persistence true\npersistence_location /data\n", func(c *config.Config) {
			c.Listeners, c.Authentication.AllowAnonymous, c.Store = local, true, config.Store{Dir: "/data"}
		}, 0},
		"TLS without a key":                 {"listener 1884\ncertfile /a\n", func(c *config.Config) { c.Listeners = everywhere }, 1},
		"certificates that nobody asks for": {"listener 1884\nuse_identity_as_username true\n", func(c *config.Config) { c.Listeners = everywhere }, 1},
		"no number":                         {"listener 1884\nmax_queued_messages -5\nmax_inflight_messages x\nsys_interval\n", func(c *config.Config) { c.Listeners = everywhere }, 3},
		"neither true nor false":            {"listener 1884\npersistence maybe\n", func(c *config.Config) { c.Listeners = everywhere }, 1},
		"a log of everything":               {"listener 1884\nlog_type all\n", func(c *config.Config) { c.Listeners, c.Log.Level = everywhere, config.LogDebug }, 0},
		"the smaller of two sizes": {"listener 1884\nmax_packet_size 5000\nmessage_size_limit 100000\n", func(c *config.Config) {
			c.Listeners, c.MQTT.MaxPacketSizeBytes = everywhere, 5000
		}, 0},
		"a bridge and what is after it": {"connection x\naddress y\nmax_connections 5\nlistener 1884\nmax_connections 7\n", func(c *config.Config) {
			l := everywhere[0]
			l.MaxConnections = 7
			implicit := config.Listener{ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: 1883, MaxConnections: 5}}
			l.Name = "mqtt-1884"
			c.Listeners = []config.Listener{implicit, l}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"m.conf": test.conf})
			i, err := Read(filepath.Join(dir, "m.conf"))
			if err != nil {
				t.Fatal(err)
			}
			want := config.Config{Authorization: config.Authorization{DefaultPolicy: config.PolicyAllow}, Store: config.Store{Durability: config.Durability{Sync: config.SyncMemory}}}
			test.want(&want)
			if diff := cmp.Diff(want, i.Config); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if i.Lost() != test.lost {
				t.Errorf("%d lost, want %d: %v", i.Lost(), test.lost, i.Notes)
			}
			documents, err := i.Objects(Target{Name: "edge"})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range documents {
				valid(t, string(d.YAML))
			}
		})
	}
}

// TestFiles: a file that cannot be read is an error that says who asks for it.
func TestFiles(t *testing.T) {
	for name, test := range map[string]struct{ conf, want string }{
		"password file":   {"# a\npassword_file DIR/none\n", "m.conf:2: password_file: open "},
		"ACL file":        {"acl_file DIR/none\n", "m.conf:1: acl_file: open "},
		"included folder": {"\n\ninclude_dir DIR/none\n", "m.conf:3: include_dir: open "},
		"no listener":     {"listener x\nlistener y\n", "no listener"},
		"a bad address":   {"listener 1883 not:an address\n", "is refused"},
		"too large":       {"acl_file DIR/large\n", "has more than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"m.conf": test.conf, "large": strings.Repeat("#", maxFileBytes+1)})
			if _, err := Read(filepath.Join(dir, "m.conf")); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
		})
	}
	if _, err := Read("none.conf"); err == nil {
		t.Error("there is no such file")
	}
}

// TestManyRules: no ACL and no rule has more than the API lets it have.
func TestManyRules(t *testing.T) {
	var lines strings.Builder
	lines.WriteString("user alice\n")
	for n := range 1000 {
		lines.WriteString("topic read a/" + strings.Repeat("x", n%7) + string(rune('a'+n%26)) + "/" + strings.Repeat("y", n/26) + "\n")
	}
	dir := folder(t, map[string]string{"m.conf": "acl_file DIR/acl\n", "acl": lines.String()})
	i, err := Read(filepath.Join(dir, "m.conf"))
	if err != nil {
		t.Fatal(err)
	}
	topics := 0
	for _, a := range i.ACLs {
		for _, r := range a.Rules {
			topics += len(r.Topics)
			if len(r.Topics) > maxTopics {
				t.Errorf("a rule has %d topics", len(r.Topics))
			}
		}
	}
	if topics != 1000 || len(i.ACLs) != 1 || len(i.ACLs[0].Rules) != 4 {
		t.Errorf("%d topics in %d ACLs", topics, len(i.ACLs))
	}
}

// FuzzConfiguration: whatever is in the files, either it is refused, or objects come of it whose names are names.
func FuzzConfiguration(f *testing.F) {
	f.Add(fixture(f, "all.conf"), fixture(f, "aclfile"), passwords)
	f.Add("listener 0\nport x\nbind_address\nprotocol\n", "topic\nuser\npattern write %u\n", ":\na:\n")
	f.Add("listener 1 2 3\nmax_connections 99999999999999999999\npersistent_client_expiration 99999999y\n", "topic deny", "#")
	f.Fuzz(func(t *testing.T, conf, acl, passwd string) {
		c := newConverter()
		for _, d := range parse([]byte(conf), "m.conf") {
			c.take(d)
		}
		c.finish("m.conf")
		c.parseUsers([]byte(passwd), "passwd")
		c.parseACLs([]byte(acl), "acl")
		i := c.out
		if len(i.listeners) == 0 || i.Config.Defaulted().Validate() != nil {
			return // Read refuses it
		}
		documents, err := i.Objects(Target{Name: "edge"})
		if err != nil || len(documents) != 1+len(i.Users)+len(i.ACLs) {
			t.Fatalf("%d objects of %d users and %d ACLs, %v", len(documents), len(i.Users), len(i.ACLs), err)
		}
		names := make(map[string]bool)
		for _, d := range documents {
			if names[d.Kind+d.Name] || d.Name == "" || len(d.Name) > 63 {
				t.Errorf("a %s has the name %q", d.Kind, d.Name)
			}
			names[d.Kind+d.Name] = true
		}
	})
}
