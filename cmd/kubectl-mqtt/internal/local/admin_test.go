package local

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/transfer"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

// instanceOf asks the broker of dunlin-state which instance it is; "" if it does not answer.
func instanceOf(t *testing.T) string {
	t.Helper()
	target, err := Target("dunlin-state")
	if err != nil {
		t.Fatal(err)
	}
	c, err := target.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.Status(t.Context())
	if err != nil || s.NotReady != "" {
		return ""
	}
	return s.Instance
}

// TestRunServesAdmin: the broker of a state folder can be called by what only its owner can read, also after an edit
// has started it again; and nobody is there when the run has ended.
func TestRunServesAdmin(t *testing.T) {
	yaml := quickstart(t, freeport.For(t))
	t.Chdir(t.TempDir())
	save(t, yaml)
	if _, err := Target("dunlin-state"); err == nil || err.Error() !=
		"no broker runs by the state folder dunlin-state: start one with kubectl-mqtt run --state-dir dunlin-state" {
		t.Errorf("before the first run: %v", err)
	}
	r := run(t, nil)
	var first string
	eventually(t, "an answer", func() bool { first = instanceOf(t); return first != "" })
	entries, err := os.ReadDir("dunlin-state/admin")
	if err != nil || len(entries) != 9 {
		t.Errorf("in admin/: %v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	save(t, strings.Replace(yaml, "}]}", fmt.Sprintf("}, {name: plain, protocol: MQTT, port: %d}]}", freeport.For(t)), 1))
	eventually(t, "the restart", r.out.has("plain      MQTT"))
	eventually(t, "another instance", func() bool { now := instanceOf(t); return now != "" && now != first })

	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("dunlin-state/admin/address"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the address is still there: %v", err)
	}
	if _, err := Target("dunlin-state"); err == nil {
		t.Error("after the run: there is a target")
	}
}

// TestRunAdminTokens: the line that the banner has works, each token has its role, and they outlive a run.
func TestRunAdminTokens(t *testing.T) {
	yaml := quickstart(t, freeport.For(t))
	t.Chdir(t.TempDir())
	save(t, yaml)
	tokens := make(map[string]string)
	for range 2 {
		r := run(t, nil)
		eventually(t, "an answer", func() bool { return instanceOf(t) != "" })
		address := strings.TrimSpace(readFile(t, "dunlin-state/admin/address"))
		curl := fmt.Sprintf(`curl --cacert dunlin-state/admin/ca.crt -H "Authorization: Bearer $(cat dunlin-state/admin/read-token)" https://%s/v1/overview`, address)
		if !r.out.has(curl)() {
			t.Errorf("the banner has no %s:\n%s", curl, r.out)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(readFile(t, "dunlin-state/admin/ca.crt")))
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
		for file, want := range map[string]string{"token": `"role":"Write"`, "read-token": `"role":"Read"`} {
			token := strings.TrimSpace(readFile(t, filepath.Join("dunlin-state/admin", file)))
			if had := tokens[file]; had != "" && had != token {
				t.Errorf("%s is another one", file)
			}
			tokens[file] = token
			req, err := http.NewRequest("GET", "https://"+address+"/v1/me", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if _ = resp.Body.Close(); err != nil || !strings.Contains(string(body), want) {
				t.Errorf("%s: %s %s", file, resp.Status, body)
			}
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
	if tokens["token"] == tokens["read-token"] || len(tokens["token"]) != 26 {
		t.Error("the tokens are not two")
	}
}

// TestRunAdminKeys: each run has keys of its own, and one of before cannot call it.
func TestRunAdminKeys(t *testing.T) {
	yaml := quickstart(t, freeport.For(t))
	t.Chdir(t.TempDir())
	save(t, yaml)
	if err := run(t, nil).stop(); err != nil {
		t.Fatal(err)
	}
	old := map[string]string{}
	for _, file := range []string{"client.crt", "client.key"} {
		old[file] = readFile(t, filepath.Join("dunlin-state/admin", file))
	}
	run(t, nil)
	eventually(t, "an answer", func() bool { return instanceOf(t) != "" })
	for file, content := range old {
		if err := os.WriteFile(filepath.Join("dunlin-state/admin", file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	target, err := Target("dunlin-state")
	if err != nil {
		t.Fatal(err)
	}
	c, err := target.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "say who you are") {
		t.Errorf("with the keys of another run: %v", err)
	}
}

// TestRunRestores: what a backup has is what the broker has after a restore, and the run goes on.
func TestRunRestores(t *testing.T) {
	port := freeport.For(t)
	yaml := quickstart(t, port)
	t.Chdir(t.TempDir())
	save(t, yaml)
	r := run(t, nil)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	secret := strings.TrimSpace(readFile(t, "dunlin-state/users/alice/password"))
	target, err := Target("dunlin-state")
	if err != nil {
		t.Fatal(err)
	}
	c := login(t, address, "dunlin-state/ca.crt", "alice", secret)
	c.Retain("sensors/1", "before") // acknowledged when it is stored
	if _, err := transfer.Save(t.Context(), target, "b", false, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	c.Retain("sensors/1", "after")

	f, size, err := transfer.Open("b")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // a test's
	if err := transfer.Load(t.Context(), target, f, size, patience, func(int64) {}, func() {}); err != nil {
		t.Fatal(err)
	}
	c.ExpectEnd() // of a client of before
	c = login(t, address, "dunlin-state/ca.crt", "alice", secret)
	subscribe(c, "sensors/1")
	c.ExpectMessage("sensors/1", "before")
	if !r.out.has("A backup has been restored: the broker starts again with it.\n")() {
		t.Errorf("nothing is said of it:\n%s", r.out)
	}
}

// TestStartAgain: after a restore the broker is started again, and for nothing else.
func TestStartAgain(t *testing.T) {
	yaml := quickstart(t, freeport.For(t))
	t.Chdir(t.TempDir())
	save(t, yaml)
	out, log := &output{}, &output{}
	o := options(t, out, log)
	set, problems := o.Loader.Load(o.Paths)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	state, err := OpenState("dunlin-state")
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close() //nolint:errcheck // a test's
	r := &runner{Options: o, state: state}
	if r.plan, err = makePlan(set, o, state, now); err != nil {
		t.Fatal(err)
	}
	if err := writeBundle(state.path("auth"), r.plan.bundle); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("disk on fire")
	if err := r.startAgain(failed); !errors.Is(err, failed) || r.broker != nil {
		t.Errorf("after a failure: %v", err)
	}
	if err := r.startAgain(server.ErrRestored); err != nil || r.broker == nil {
		t.Fatalf("after a restore: %v", err)
	}
	if !strings.Contains(out.String(), "A backup has been restored: the broker starts again with it.\n") {
		t.Errorf("said: %s", out)
	}
	if err := r.broker.halt(); err != nil {
		t.Error(err)
	}
}
