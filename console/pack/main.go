// Command pack compresses what Vite has built of the console: `pack FROM TO` writes each file of the folder FROM into the
// folder TO, as FILE.gz, and removes what else is there. The same files always become the same bytes, with the Go that
// go.mod names, on every machine: the compressor of Node.js does not promise that. hack/console.sh calls it.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pack FROM TO")
		os.Exit(2)
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("read what was built: %w", err)
	}
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("remove what was there: %w", err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", to, err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return fmt.Errorf("read %s: %w", e.Name(), err)
		}
		compressed, err := compress(content)
		if err != nil {
			return fmt.Errorf("compress %s: %w", e.Name(), err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()+".gz"), compressed, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", e.Name(), err)
		}
	}
	return nil
}

func compress(content []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
