package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
)

const renderHelp = `Prints the files that the broker's pods would read: the configuration, and the manifest, password
files, users and access rules of the auth bundle. No password is made: a User whose password is
generated is in them only if the state folder of a kubectl-mqtt run has it.

Exit codes: 0 success; 1 the input is invalid, or something failed; 2 the command line is wrong.`

type renderOptions struct {
	paths                    []string
	broker, stateDir, folder string
}

func newRender(s streams) *cobra.Command {
	var o renderOptions
	cmd := &cobra.Command{
		Use: "render -f FILE|DIR... [-o DIR]", Short: "Print the files that the broker would read", Long: renderHelp,
		Example: "  kubectl-mqtt render -f broker.yaml\n  kubectl-mqtt render -f manifests/ --broker edge -o out",
		RunE: func(_ *cobra.Command, args []string) error {
			o.paths = append(o.paths, args...)
			if err := renderFiles(s, o); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	fileFlag(cmd, &o.paths)
	cmd.Flags().StringVar(&o.broker, "broker", "", "Broker to render, name or namespace/name (default the only one)")
	cmd.Flags().StringVar(&o.stateDir, "state-dir", "./dunlin-state", "state folder of kubectl-mqtt run, for its passwords; it is only read")
	cmd.Flags().StringVarP(&o.folder, "output-dir", "o", "", "write the files to this folder instead of printing them")
	return cmd
}

func renderFiles(s streams, o renderOptions) error {
	loader, err := newLoader(s)
	if err != nil {
		return err
	}
	loader.Skip = o.stateDir
	set, problems := loader.Load(o.paths)
	for _, warning := range problems.Warnings() {
		fmt.Fprintln(s.err, warning)
	}
	if bad := problems.Errors(); len(bad) > 0 {
		return &local.InvalidError{Problems: bad}
	}
	files, notes, err := local.Files(set, o.broker, local.ReadState(o.stateDir), rand.Reader)
	if err != nil {
		return err
	}
	if o.folder != "" {
		for _, note := range notes {
			fmt.Fprintln(s.err, note)
		}
		return writeFiles(s, o.folder, files)
	}
	for _, note := range notes {
		fmt.Fprintf(s.out, "# %s\n", note)
	}
	for i, name := range inOrder(files) {
		if i > 0 || len(notes) > 0 {
			fmt.Fprintln(s.out)
		}
		fmt.Fprintf(s.out, "==> %s <==\n%s", name, files[name])
	}
	return nil
}

// writeFiles writes only what the owner can read: password hashes are among the files.
func writeFiles(s streams, folder string, files map[string][]byte) error {
	for _, name := range inOrder(files) {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		if err := writePrivate(path, files[name]); err != nil {
			return fmt.Errorf("write file: %w", err)
		}
		fmt.Fprintln(s.out, path)
	}
	return nil
}

// writePrivate writes a file that only its owner can read, also where there was one that others could.
func writePrivate(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = f.Chmod(0o600)
	if err == nil {
		_, err = f.Write(data)
	}
	return errors.Join(err, f.Close())
}

// inOrder are the names of the files, the configuration first.
func inOrder(files map[string][]byte) []string {
	names := slices.Sorted(maps.Keys(files))
	i := slices.Index(names, local.ConfigFile)
	return append([]string{local.ConfigFile}, slices.Delete(names, i, i+1)...)
}
