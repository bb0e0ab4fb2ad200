package main

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
)

const runHelp = `Runs a Broker in this process, with the Users and ACLs that name it. Certificates and passwords are
made once and kept in the state folder, with the sessions and retained messages. The files are
watched: an edit of a User or ACL applies to the running broker, and so does one of the Broker's limits,
authentication, authorization and log level; any other of the Broker restarts it, and an edit that is not valid is reported and changes nothing.

Exit codes: 0 stopped by a signal; 1 the input is invalid, or something failed; 2 the command line is wrong.`

func newRun(s streams) *cobra.Command {
	var o local.Options
	cmd := &cobra.Command{
		Use: "run -f FILE|DIR...", Short: "Run a broker on this machine from the same YAML as in a cluster", Long: runHelp,
		Example: "  kubectl-mqtt run -f broker.yaml\n  kubectl-mqtt run -f manifests/ --broker edge --listen-host 0.0.0.0",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Paths = append(o.Paths, args...)
			if slices.Contains(o.Paths, "-") {
				return errors.New("run watches its files, so it cannot read stdin: give a file or folder")
			}
			var err error
			if o.Loader, err = newLoader(s); err != nil {
				return failure{err}
			}
			o.Out, o.Log, o.Version = s.out, s.err, version
			if err := local.Run(cmd.Context(), o); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	fileFlag(cmd, &o.Paths)
	cmd.Flags().StringVar(&o.Broker, "broker", "", "Broker to run, name or namespace/name (default the only one)")
	cmd.Flags().StringVar(&o.StateDir, "state-dir", "./dunlin-state", "folder that everything is kept in")
	cmd.Flags().StringVar(&o.ListenHost, "listen-host", "127.0.0.1", "address to listen on, 0.0.0.0 for all")
	return cmd
}
