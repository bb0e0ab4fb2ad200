package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunWithoutACluster(t *testing.T) {
	tests := map[string]struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		"help":     {[]string{"--help"}, exitOK, "", "Usage: dunlin-operator --broker-image IMAGE"},
		"version":  {[]string{"--version"}, exitOK, "dunlin-operator dev\n", ""},
		"no image": {nil, exitUsage, "", "--broker-image is required"},
		"unknown":  {[]string{"--colour"}, exitUsage, "", "flag provided but not defined: -colour"},
		"argument": {[]string{"--broker-image", "x", "now"}, exitUsage, "", `unexpected argument "now"`},
		"level":    {[]string{"--log-level", "loud"}, exitUsage, "", `invalid value "loud" for flag -log-level`},
		"bodies":   {[]string{"--broker-image", "x", "--log-level", "DEBUG-4"}, exitUsage, "", "--log-level DEBUG-4: want DEBUG"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(context.Background(), tt.args, &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("stdout %q, stderr %q, want %q and %q", &stdout, &stderr, tt.stdout, tt.stderr)
			}
		})
	}
}

func TestWatchNamespaces(t *testing.T) {
	o, err := parse([]string{"--broker-image=x", "--watch-namespace=a,b", "--watch-namespace", "c"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(namespaceList{"a", "b", "c"}, o.namespaces); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
