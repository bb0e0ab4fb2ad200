package local

import "testing"

// TestFolderOf: a User is found by its name where that is enough, as in a cluster's namespace.
func TestFolderOf(t *testing.T) {
	folders := []string{"ann", "ann@plant", "bob@plant", "eve@lab", "eve@plant"}
	for called, want := range map[string]string{
		"ann": "ann", "ann@plant": "ann@plant", "bob": "bob@plant", "bob@plant": "bob@plant", "eve": "", "eve@lab": "eve@lab", "bo": "", "": "", "plant": "",
	} {
		if got := folderOf(folders, called); got != want {
			t.Errorf("%q is %q, want %q", called, got, want)
		}
	}
}
