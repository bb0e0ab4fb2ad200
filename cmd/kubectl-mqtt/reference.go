package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manual"
)

const referenceIntro = `# kubectl-mqtt

<!-- Generated from the commands by make generate. -->

The command line of Dunlin: by itself, or as ` + "`kubectl mqtt ...`" + ` once it is on the PATH. ` + "`COMMAND --help`" + ` says the same as this page.

- **Which broker**: in a cluster the name of a Broker object, in the namespace of ` + "`-n`" + ` or the context's; on this machine
  ` + "`--state-dir`" + ` of the ` + "`kubectl-mqtt run`" + ` that runs it, and no name.
- **For programs**: ` + "`-o json`" + ` and ` + "`-o yaml`" + ` print what the [admin API](admin-api.md) answers, by its names; ` + "`-o wide`" + ` has more columns.
- **Colours** are for terminals alone, and not where ` + "`NO_COLOR`" + ` is set. What clients chose (identifiers, topics, payloads) does nothing to a
  terminal: control characters are shown as escapes.
- **Exit codes**: 0 success; 1 something failed, or the answer is no; 2 the command line is wrong. Each command says what that means for it.
- **Completion**: ` + "`kubectl-mqtt completion bash|zsh|fish|powershell`" + ` prints it; Brokers, namespaces, Users, clients, listeners and topics are
  offered by name, as the cluster and the broker have them, or the state folder's. For ` + "`kubectl mqtt <Tab>`" + ` put a script on the PATH that is called kubectl_complete-mqtt and has
  ` + "`#!/bin/sh`" + ` and ` + "`exec kubectl-mqtt __complete \"$@\"`" + `.
- **Man pages**: ` + "`make man`" + ` writes them to dist/man.
`

// newReference is for make: it is not in the help.
func newReference(s streams) *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use: "reference", Short: "Print docs/cli.md, or write man pages", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if folder == "" {
				return manual.Markdown(s.out, cmd.Root(), referenceIntro)
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return failure{fmt.Errorf("make folder: %w", err)}
			}
			for _, c := range manual.Commands(cmd.Root()) {
				file, page := manual.Man(c, version)
				if err := os.WriteFile(filepath.Join(folder, file), []byte(page), 0o644); err != nil {
					return failure{fmt.Errorf("write man page: %w", err)}
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&folder, "man-dir", "", "write man pages to this folder instead")
	return cmd
}
