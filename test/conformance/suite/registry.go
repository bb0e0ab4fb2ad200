package suite

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// CheckRegistry fails unless each of the ids, one a line, has one entry, each entry is accounted for in one way, and the
// unit tests that entries name exist. root is the module's folder.
func CheckRegistry(t *testing.T, ids string, sections []Section, root string) {
	wanted := map[string]bool{}
	for _, id := range strings.Fields(ids) {
		wanted[id] = true
		if find(sections, id) == nil {
			t.Errorf("%s has no entry", id)
		}
	}
	seen := map[string]bool{}
	for _, sec := range sections {
		for i := range sec.Statements {
			s := &sec.Statements[i]
			switch {
			case !wanted[s.ID]:
				t.Errorf("%s is no statement of the standard", s.ID)
			case seen[s.ID]:
				t.Errorf("%s has two entries", s.ID)
			case s.Says == "":
				t.Errorf("%s says nothing", s.ID)
			case s.Class() == "":
				t.Errorf("%s is not accounted for, or in two ways", s.ID)
			}
			seen[s.ID] = true
			if s.Unit != "" {
				checkUnit(t, s, root)
			}
		}
	}
}

// checkUnit fails unless the unit test of a statement exists.
func checkUnit(t *testing.T, s *Statement, root string) {
	folder, name, _ := strings.Cut(s.Unit, " ")
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	test := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if test.Match(text) {
			return
		}
	}
	t.Errorf("%s: there is no %s in %s", s.ID, name, folder)
}
