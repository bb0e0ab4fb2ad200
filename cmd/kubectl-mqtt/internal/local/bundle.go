package local

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// current is the link to the files in force, as in a folder that Kubernetes mounts: swapping it
// replaces all of them at once.
const current = "..data"

// writeBundle replaces the auth bundle in dir as a whole.
func writeBundle(dir string, b *render.Bundle) error {
	files := bundleFiles(b)
	generation := "..rev-" + b.Revision
	if leads, err := os.Readlink(filepath.Join(dir, current)); err == nil && leads == generation && intact(dir, files) {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(dir, generation)); err != nil { // left by one that was killed
		return fmt.Errorf("write auth bundle: %w", err)
	}
	for name, content := range files {
		if err := writeFile(filepath.Join(dir, generation, name), content); err != nil {
			return fmt.Errorf("write auth bundle: %w", err)
		}
		// Links to files that are not there yet harm nobody: the manifest does not name them.
		if err := link(filepath.Join(current, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("write auth bundle: %w", err)
		}
	}
	if err := link(generation, filepath.Join(dir, current)); err != nil {
		return fmt.Errorf("swap auth bundle: %w", err)
	}
	return removeOthers(dir, generation, files)
}

// bundleFiles are the files of a bundle, the manifest among them.
func bundleFiles(b *render.Bundle) map[string][]byte {
	files := map[string][]byte{config.BundleManifest: b.Manifest}
	if b.Issuer != nil {
		files[config.BundleIssuer] = b.Issuer
	}
	for _, shard := range b.Shards {
		for name, content := range shard {
			files[name] = content
		}
	}
	return files
}

// intact says whether the files in force are those, to mend a folder that somebody touched.
func intact(dir string, files map[string][]byte) bool {
	for name, content := range files {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(data) != string(content) {
			return false
		}
	}
	return true
}

// link makes or swaps a symbolic link in one step.
func link(to, path string) error {
	if old, err := os.Readlink(path); err == nil && old == to {
		return nil
	}
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Symlink(to, temporary); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// removeOthers removes older generations, and links to files that are no more.
func removeOthers(dir, generation string, files map[string][]byte) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("clean auth bundle: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		_, wanted := files[name]
		old := strings.HasPrefix(name, "..rev-") && name != generation
		dangling := entry.Type()&fs.ModeSymlink != 0 && !wanted && name != current
		if old || dangling {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("clean auth bundle: %w", err)
			}
		}
	}
	return nil
}
