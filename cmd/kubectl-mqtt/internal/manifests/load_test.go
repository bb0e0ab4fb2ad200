package manifests_test

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

var update = flag.Bool("update", false, "rewrite the golden files")

// sharedLoader compiles the schemas, which are safe to share, once for all tests.
var sharedLoader = sync.OnceValues(func() (manifests.Loader, error) {
	schemas, err := manifests.NewSchemas()
	return manifests.Loader{Schemas: schemas}, err
})

func newLoader(t *testing.T) manifests.Loader {
	t.Helper()
	loader, err := sharedLoader()
	if err != nil {
		t.Fatal(err)
	}
	return loader
}

// write makes a folder of files, name -> content.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func text(problems manifests.Problems) string {
	var out strings.Builder
	for _, p := range problems {
		out.WriteString(p.String() + "\n")
	}
	return out.String()
}

// TestBadInput compares what is said about each testdata/bad/NAME.yaml with NAME.txt.
func TestBadInput(t *testing.T) {
	t.Chdir("testdata/bad")
	loader := newLoader(t)
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			_, problems := loader.Load([]string{file})
			got, path := text(problems), strings.TrimSuffix(file, ".yaml")+".txt"
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" || got == "" {
				t.Errorf("(-want +got, -update accepts it):\n%s", diff)
			}
		})
	}
}

const (
	aBroker = "apiVersion: mqtt.dunlin.dev/v1alpha1\nkind: Broker\nmetadata: {name: edge}\n"
	aUser   = "apiVersion: mqtt.dunlin.dev/v1alpha1\nkind: User\nmetadata: {name: alice}\nspec: {brokerRef: {name: edge}}\n"
)

func TestLoadDefaults(t *testing.T) {
	dir := write(t, map[string]string{"b.yaml": aBroker, "u.yaml": aUser})
	set, problems := newLoader(t).Load([]string{dir})
	if len(problems) > 0 {
		t.Fatal(text(problems))
	}
	spec := set.Brokers[0].Spec
	want := config.ListenerSettings{Name: "mqtts", Protocol: config.ProtocolMQTTS, Port: 8883}
	if len(spec.Listeners) != 1 || !cmp.Equal(spec.Listeners[0].ListenerSettings, want) {
		t.Errorf("listeners %+v, want %+v", spec.Listeners, want)
	}
	if *spec.Replicas != 1 || spec.TLS.DurationSeconds != 7776000 || spec.MQTT.MaxInflight != 1024 || *spec.MQTT.MaxQoS != 2 ||
		spec.Authorization.DefaultPolicy != config.PolicyDeny || spec.Persistence.Size.String() != "1Gi" {
		t.Errorf("spec %+v lacks defaults", spec)
	}
	if len(set.Brokers[0].Status.Conditions) != 0 {
		t.Error("a file gives the Broker a status")
	}
	if u := set.Users[0]; u.Namespace != "default" || u.Name != "alice" {
		t.Errorf("User %s/%s", u.Namespace, u.Name)
	}
}

func TestLoadFolders(t *testing.T) {
	dir := write(t, map[string]string{
		"a/broker.yml":       aBroker,
		"a/b/users.json":     `{"apiVersion": "mqtt.dunlin.dev/v1alpha1", "kind": "User", "metadata": {"name": "bob"}, "spec": {"brokerRef": {"name": "edge"}}}`,
		"a/.hidden/x.yaml":   "nonsense",
		".swap.yaml":         "nonsense",
		"state/x.yaml":       "nonsense",
		"notes.txt":          "nonsense",
		"empty.yaml":         "# nothing\n---\n---\n",
		"a/more.yaml":        "---\n" + aUser + "--- # and\n" + strings.ReplaceAll(aUser, "alice", "carol") + "---\n",
		"a/deployment.yaml":  "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n",
		"a/secret.yaml":      "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: eA==}\nstringData: {b: text}\n",
		"a/list.yaml":        "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Namespace, metadata: {name: prod, labels: {a: b}}}]\n",
		"b/tabs-in-json.yml": "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"c\"}}",
	})
	loader := newLoader(t)
	loader.Skip = filepath.Join(dir, "state")
	set, problems := loader.Load([]string{dir, filepath.Join(dir, "a")})
	if len(problems) > 0 {
		t.Fatal(text(problems))
	}
	var users []string
	for _, u := range set.Users {
		users = append(users, u.Name)
	}
	if diff := cmp.Diff([]string{"bob", "alice", "carol"}, users); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Deployment default/web", "ConfigMap default/c"}, set.Ignored); diff != "" {
		t.Error(diff)
	}
	if s := set.Secret("default", "x"); s == nil || string(s.Data["a"]) != "x" || string(s.Data["b"]) != "text" {
		t.Errorf("Secret %v", s)
	}
	if len(set.Dirs) != 4 || len(set.Files) != 8 || set.Size() != 4 || len(set.Namespaces) != 1 {
		t.Errorf("%d folders, %d files, %d objects, %d Namespaces", len(set.Dirs), len(set.Files), set.Size(), len(set.Namespaces))
	}
}

func TestLoadStdin(t *testing.T) {
	loader := newLoader(t)
	loader.Stdin = strings.NewReader(aBroker + "---\n" + strings.ReplaceAll(aUser, "spec:", "spek:"))
	set, problems := loader.Load([]string{"-"})
	if len(set.Brokers) != 1 || !strings.HasPrefix(text(problems), `-:5: document 2: User default/alice: spec: Required value`) {
		t.Errorf("%d Brokers, %s", len(set.Brokers), text(problems))
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := write(t, map[string]string{"big.yaml": strings.Repeat("#", 16<<20+1)})
	t.Chdir(dir)
	_, problems := newLoader(t).Load([]string{"missing.yaml", "big.yaml"})
	want := "big.yaml: larger than 16 MiB\nmissing.yaml: no such file or directory\n"
	if diff := cmp.Diff(want, text(problems)); diff != "" {
		t.Error(diff)
	}
}

func TestLoadAliasBomb(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+", ", 10), ", ") + "]\n"
	}
	t.Chdir(write(t, map[string]string{"bomb.yaml": bomb}))
	_, problems := newLoader(t).Load([]string{"bomb.yaml"})
	if len(problems) != 1 || !strings.Contains(text(problems), "excessive aliasing") {
		t.Error(text(problems))
	}
}
