package main

import (
	"bytes"
	"context"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// cli runs a command line in the current folder.
func cli(t *testing.T, stdin string, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(context.Background(), args, streams{in: strings.NewReader(stdin), out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

// samples is testdata, from any folder.
func samples(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitCodes(t *testing.T) {
	quickstart, shipped := samples(t, "quickstart.yaml"), samples(t, "../../../config/samples/quickstart.yaml")
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args     string
		stdin    string
		code     int
		out, err string // what is in them; "" = nothing
	}{
		{args: "version", out: "kubectl-mqtt dev (go"},
		{args: "", out: "Exit codes: 0 success; 1 the input is invalid, or something failed; 2 the command line is wrong."},
		{args: "run --help", out: "Exit codes:"},
		{args: "validate --help", out: "Exit codes:"},
		{args: "render --help", out: "Exit codes:"},
		{args: "completion bash", out: "bash completion"},
		{args: "validate -f " + quickstart, out: "3 objects valid\n"},
		{args: "validate -f " + shipped, out: "3 objects valid\n"},
		{args: "validate -f - ", out: "0 objects valid\n"},
		{args: "validate -f -", stdin: "kind: Broker", code: 1, err: "-:1: document 1: not a Kubernetes object: apiVersion or kind is missing\n1 error\n"},
		{args: "validate -f nothing.yaml", code: 1, err: "nothing.yaml: no such file or directory\n1 error\n"},
		{args: "validate -f - extra.yaml", code: 1, err: "extra.yaml: no such file or directory\n1 error\n"},
		{args: "validate -f -", stdin: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}", out: "0 objects valid\n", err: "Pod default/p is ignored: not a Broker, User or ACL\n"},
		{args: "render -f -", code: 1, err: "Error: there is no Broker among the files\n"},
		{args: "render --broker core -f " + quickstart, code: 1, err: "Error: there is no Broker core among the files, only default/edge\n"},
		{args: "run --broker core -f " + quickstart, code: 1, err: "Error: there is no Broker core among the files, only default/edge\n"},
		{args: "run -f -", code: 2, err: "Error: run watches its files, so it cannot read stdin: give a file or folder\n"},
		{args: "run", code: 2, err: "Error: nothing to run: give -f FILE|DIR, or --mosquitto-conf FILE\nkubectl-mqtt --help says how it is used.\n"},
		{args: "validate --colour red", code: 2, err: "Error: unknown flag: --colour\n"},
		{args: "rnu", code: 2, err: `Error: unknown command "rnu" for "kubectl-mqtt"`},
		{args: "version now", code: 2, err: `Error: unknown command "now"`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			code, out, err := cli(t, tt.stdin, strings.Fields(tt.args)...)
			if code != tt.code || !says(out, tt.out) || !says(err, tt.err) {
				t.Errorf("exit code %d, want %d\nstdout %q, want %q\nstderr %q, want %q", code, tt.code, out, tt.out, err, tt.err)
			}
		})
	}
}

// says is whether want is in got; "" is only in "".
func says(got, want string) bool { return strings.Contains(got, want) && (want != "" || got == "") }

func TestRender(t *testing.T) {
	source, path := samples(t, "render.yaml"), samples(t, "render.txt")
	t.Chdir(t.TempDir())
	code, got, stderr := cli(t, "", "render", "-f", source)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got, -update accepts it):\n%s", diff)
	}

	code, _, stderr = cli(t, "", "render", "-f", source, "-o", "out")
	if code != 0 || !strings.HasPrefix(stderr, "User default/bob is left out: ") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	err = filepath.WalkDir("out", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel("out", path)
		if !strings.Contains(got, "==> "+filepath.ToSlash(name)+" <==\n"+string(data)) {
			t.Errorf("%s is not what is printed:\n%s", path, data)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	secret := filepath.Join("out", "config.yaml")
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := cli(t, "", "render", "-f", source, "-o", "out"); code != 0 {
		t.Errorf("once more: exit code %d, stderr %q", code, stderr)
	}
	if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file that others could read has mode %v, error %v; want 0600", info.Mode(), err)
	}
	if code, _, stderr := cli(t, "", "render", "-f", source, "-o", source); code != 1 || !strings.Contains(stderr, "Error: ") {
		t.Errorf("into a file: exit code %d, stderr %q", code, stderr)
	}
}

func TestValidateSkipsTheStateFolder(t *testing.T) {
	source := samples(t, "render.yaml")
	data, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, content := range map[string][]byte{"edge.yaml": data, "dunlin-state/auth/users.json": []byte(`{"users": []}`), "mine/x.json": []byte(`{}`)} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, stderr := cli(t, "", "validate", "-f", ".", "--state-dir", "mine"); code != 1 || !strings.Contains(stderr, "dunlin-state/auth/users.json:1: ") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if err := os.RemoveAll("mine"); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := cli(t, "", "validate", "-f", "."); code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q; want the state folder skipped", code, stderr)
	}
}
