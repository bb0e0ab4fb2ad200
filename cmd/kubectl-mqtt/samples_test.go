package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestSamples: every file of config/samples is valid, also in what an API server does not see, and renders.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d samples, error %v", len(files), err)
	}
	for i := range files {
		if files[i], err = filepath.Abs(files[i]); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			code, _, stderr := cli(t, "", "render", "-f", file)
			if code != 0 {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			for line := range strings.Lines(stderr) {
				expected := strings.Contains(line, "is not among the files") || strings.Contains(line, "takes no tokens of ServiceAccounts: there is no cluster") ||
					strings.HasPrefix(line, "ServiceAccount ")
				if !expected {
					t.Errorf("it says: %s", line)
				}
			}
		})
	}
}
