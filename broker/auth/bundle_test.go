package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// bundle is file name -> content.
type bundle map[string]string

func (b bundle) manifest(t testing.TB, revision string) string {
	t.Helper()
	m := config.Manifest{Revision: revision, Files: make(map[string]string)}
	for name, content := range b {
		sum := sha256.Sum256([]byte(content))
		m.Files[name] = hex.EncodeToString(sum[:])
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mount puts b into dir as the kubelet does: a new folder, and one swap of a link.
func (b bundle) mount(t testing.TB, dir, revision, manifest string) {
	t.Helper()
	folder := filepath.Join(dir, ".."+revision)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range b {
		write(t, filepath.Join(folder, name), content)
		_ = os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)) // it may be there
	}
	write(t, filepath.Join(folder, config.BundleManifest), manifest)
	_ = os.Symlink("..data/"+config.BundleManifest, filepath.Join(dir, config.BundleManifest))
	if err := os.Symlink(filepath.Base(folder), dir+"/..data_tmp"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+"/..data_tmp", dir+"/..data"); err != nil {
		t.Fatal(err)
	}
}

func goodBundle(topic string) bundle {
	return bundle{
		"passwd-00":     "ann:" + testHash("one") + "\n",
		"passwd-01":     "bob:" + testHash("two") + "\n",
		"users-00.json": `{"users":[{"name":"ann","groups":["ops"]}]}`,
		"acls-00.json":  `{"acls":[{"name":"ns/a","subjects":[{"kind":"Group","name":"ops"}],"rules":[{"actions":["Publish"],"topics":["` + topic + `"]}]}]}`,
		"acls-01.json":  `{}`,
	}
}

func TestBundle(t *testing.T) {
	dir := t.TempDir()
	log, lines := newLog()
	a, err := Open(config.Config{AuthFiles: config.AuthFiles{BundleDir: dir}}, log)
	if err != nil {
		t.Fatalf("a bundle that is not there yet: %v", err)
	}
	if a.Loaded() || a.Revision() != "" {
		t.Error("an empty folder passes for a bundle")
	}
	if line := lines.wait(t, "level=ERROR"); !strings.Contains(line, "every client is refused") || !strings.Contains(line, "manifest.json") {
		t.Errorf("logged: %s", line)
	}
	if _, err := a.Authenticate(t.Context(), login("ann", "one")); !errors.Is(err, ErrBusy) {
		t.Errorf("before anything was loaded: %v", err)
	}
	policies := run(t, a)

	b := goodBundle("a")
	b.mount(t, dir, "r1", b.manifest(t, "r1"))
	next(t, policies)
	if !a.Loaded() || a.Revision() != "r1" {
		t.Errorf("loaded %v, revision %q", a.Loaded(), a.Revision())
	}
	ann, err := a.Authenticate(t.Context(), login("ann", "one"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), login("bob", "two")); err != nil {
		t.Errorf("a user of the second shard: %v", err)
	}
	if !a.Policy().CanPublish(ann, "a") {
		t.Error("a rule for a group of the user does not hold")
	}

	// Torn: the manifest is of another state than the files.
	torn := goodBundle("b")
	torn.mount(t, dir, "r2", b.manifest(t, "r2"))
	lines.wait(t, "acls-00.json does not have the SHA-256")
	if a.Revision() != "r1" || !a.Policy().CanPublish(ann, "a") {
		t.Error("a torn bundle was used")
	}
	torn.mount(t, dir, "r3", torn.manifest(t, "r3"))
	if p := next(t, policies); a.Revision() != "r3" || p.CanPublish(ann, "a") || !p.CanPublish(ann, "b") || !p.Valid(ann) {
		t.Error("the bundle was not used when it was whole")
	}

	// Gone, as when a Secret is deleted: what was in force stays.
	if err := os.Remove(dir + "/..data"); err != nil {
		t.Fatal(err)
	}
	lines.wait(t, "no such file")
	if a.Revision() != "r3" || !a.Loaded() {
		t.Error("the bundle that was in force is not any more")
	}
}

func TestLoadBundleRefuses(t *testing.T) {
	change := func(name, content string) func(bundle) { return func(b bundle) { b[name] = content } }
	tests := []struct {
		name   string
		change func(bundle)
		want   string
	}{
		{"bad password line", change("passwd-01", "bob"), "passwd-01:1: line has no ':'"},
		{"unknown field of a user", change("users-00.json", `{"users":[{"nam":"x"}]}`), `users-00.json: near byte 23: json: unknown field "nam"`},
		{"negative limit of a user", change("users-00.json", `{"users":[{"name":"x","limits":{"maxConnections":-1}}]}`),
			"users-00.json: users[0].limits.maxConnections: -1 is out of range: must be at least 0"},
		{"unknown field of a rule", change("acls-01.json", `{"acls":[{"name":"a","maxRate":5}]}`), `unknown field "maxRate"`},
		{"bad ACL", change("acls-01.json", `{"acls":[{"name":"a","subjects":[{"kind":"Everyone"}],"rules":[{"actions":["Publish"],"topics":["#/a"]}]}]}`),
			"acls-01.json: acls[0].rules[0].topics[0]: topic filter"},
		{"a file with a path", change("../passwd-00", ""), `manifest names "../passwd-00"`},
		{"a file of another kind", change("notes.txt", ""), `manifest names "notes.txt"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir, b := filepath.Join(t.TempDir(), "auth"), goodBundle("a")
			test.change(b)
			b.mount(t, dir, "r", b.manifest(t, "r"))
			if _, err := loadBundle(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("loadBundle() = %v, want %s", err, test.want)
			}
		})
	}
	for manifest, want := range map[string]string{
		`{"files":{}}`:                   "revision must be set",
		`{"revision":"r","sums":{}}`:     `unknown field "sums"`,
		`{`:                              "unexpected EOF",
		strings.Repeat(" ", 1<<20) + "{": "more than 1048576 bytes",
		`{"revision":"r","files":{"passwd-07":"00"}}`: "passwd-07: no such file",
	} {
		dir := t.TempDir()
		write(t, dir+"/manifest.json", manifest)
		if _, err := loadBundle(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("loadBundle() of the manifest %.40s = %v, want %s", manifest, err, want)
		}
	}
}
