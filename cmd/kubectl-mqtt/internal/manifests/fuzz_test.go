package manifests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad: whatever is in a file, there is an answer, and no problem names a line that is not there.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add("a: &a [*a]")
	f.Add("apiVersion: v1\nkind: List\nitems: [[]]")
	f.Add("{\"kind\": \"UserList\", \"apiVersion\": \"mqtt.dunlin.dev/v1alpha1\", \"items\": [{}]}")
	f.Add("---\r\n---\nkind: [")
	f.Add("apiVersion: mqtt.dunlin.dev/v1alpha1\nkind: User\nmetadata: {labels: []}")
	shared, err := sharedLoader()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		loader := shared
		loader.Stdin = strings.NewReader(content)
		set, problems := loader.Load([]string{"-"})
		for _, p := range problems {
			if p.Line < 0 || p.Line > strings.Count(content, "\n")+1 || p.Document < 1 || p.Message == "" {
				t.Errorf("%d lines: %+v", strings.Count(content, "\n")+1, p)
			}
		}
		if set.Size() > 0 && !strings.Contains(content, "mqtt.dunlin.dev") {
			t.Error("objects out of nothing")
		}
	})
}
