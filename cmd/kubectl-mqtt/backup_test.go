package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTransferCommandLines: what is wrong with a command line is said before anything is done.
func TestTransferCommandLines(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if err := os.WriteFile("b", []byte("backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args, stdin string
		code        int
		want        string
	}{
		{"backup edge", "", exitUsage, `required flag(s) "output" not set`},
		{"backup -o x", "", exitUsage, "give the name of one BROKER of the cluster, or --state-dir"},
		{"backup edge core -o x", "", exitUsage, "give the name of one BROKER of the cluster, or --state-dir"},
		{"backup edge --state-dir s -o x", "", exitUsage, "give a BROKER of the cluster or --state-dir, not both"},
		{"backup --state-dir s -o x", "", exitFailed, "no broker runs by the state folder s: start one with kubectl-mqtt run --state-dir s"},
		{"backup edge -o x", "", exitFailed, "find the cluster: "},
		{"restore edge", "", exitUsage, "give the name of one BROKER of the cluster, or --state-dir"},
		{"restore edge b --state-dir s", "", exitUsage, "give a BROKER of the cluster or --state-dir, not both"},
		{"restore --state-dir s", "", exitUsage, "give the name of one BROKER of the cluster, or --state-dir"},
		{"restore edge b --timeout 0s", "", exitUsage, "--timeout 0s is not positive"},
		{"restore edge none", "", exitFailed, "read backup: open none: no such file"},
		{"restore --state-dir s b --yes", "", exitFailed, "no broker runs by the state folder s"},
	} {
		code, out, stderr := cli(t, test.stdin, strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(stderr, test.want) || out != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want %d, %q", test.args, code, out, stderr, test.code, test.want)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("there is a file")
	}
}

// TestConfirm: only a yes is one.
func TestConfirm(t *testing.T) {
	for answer, yes := range map[string]bool{
		"y\n": true, "Yes\n": true, " y \n": true, "y": true, "": false, "\n": false, "n\n": false, "yess\n": false,
	} {
		var asked strings.Builder
		err := confirm(streams{in: strings.NewReader(answer), err: &asked}, "Broker default/edge", "b", 3<<20)
		if (err == nil) != yes {
			t.Errorf("%q: %v", answer, err)
		}
		if !strings.HasPrefix(asked.String(), "This replaces all sessions and messages of Broker default/edge by those of b (3.0 MiB),\nand disconnects every client.") {
			t.Errorf("asked: %q", asked.String())
		}
	}
}

func TestProgress(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out, "Sent", 2048)
	p.at(1024)
	p.end()
	if out.Len() > 0 {
		t.Errorf("not on a terminal: %q", out.String())
	}
	p.out = &out
	p.at(1024)
	p.at(1500) // too soon for another line
	p.at(2048)
	p.end()
	p.end()
	if want := "\rSent 1.0 KiB of 2.0 KiB\x1b[K\rSent 2.0 KiB of 2.0 KiB\x1b[K\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
