package daemon

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// DependOnSources has go test know that the test which calls it depends on what the programs are built of: it goes by the folders that a test
// opens, though not before testing.M.Run, and else would take the result of another program from its cache.
var DependOnSources = sync.OnceFunc(func() {
	root, err := os.Getwd()
	for err == nil && root != filepath.Dir(root) {
		if _, missing := os.Stat(filepath.Join(root, "go.mod")); missing == nil {
			break
		}
		root = filepath.Dir(root)
	}
	for _, folder := range []string{"api", "broker", "cmd", "console/dist", "controllers", "internal"} {
		_ = filepath.WalkDir(filepath.Join(root, folder), func(_ string, _ fs.DirEntry, err error) error { return err }) // where there is none, nothing depends on it
	}
})
