package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
)

const validateHelp = `Checks Broker, User and ACL objects as an API server would, with the same schema, defaults, rules
and messages, and also what an API server cannot see: the topics of ACLs, user names that are taken
twice, and references that lead nowhere among the files (a warning, since they may be in the cluster).

Exit codes: 0 all objects are valid; 1 some are not; 2 the command line is wrong.`

func newValidate(s streams) *cobra.Command {
	var paths []string
	var stateDir string
	cmd := &cobra.Command{
		Use: "validate -f FILE|DIR...", Short: "Check objects offline, with the API server's own rules", Long: validateHelp,
		Example: "  kubectl-mqtt validate -f broker.yaml\n  kustomize build . | kubectl-mqtt validate -f -",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := validate(s, append(paths, args...), stateDir); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	fileFlag(cmd, &paths)
	cmd.Flags().StringVar(&stateDir, "state-dir", "./dunlin-state", "state folder of a kubectl-mqtt run, which is not looked into")
	return cmd
}

func validate(s streams, paths []string, stateDir string) error {
	loader, err := newLoader(s)
	if err != nil {
		return err
	}
	loader.Skip = stateDir
	set, problems := loader.Load(paths)
	for _, ignored := range set.Ignored {
		fmt.Fprintf(s.err, "%s is ignored: not a Broker, User or ACL\n", ignored)
	}
	for _, warning := range problems.Warnings() {
		fmt.Fprintln(s.err, warning)
	}
	if bad := problems.Errors(); len(bad) > 0 {
		return &local.InvalidError{Problems: bad}
	}
	fmt.Fprintf(s.out, "%s valid\n", count(set.Size(), "object"))
	return nil
}
