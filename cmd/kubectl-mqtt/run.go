package main

import (
	"errors"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
)

const runHelp = `Runs a Broker in this process, with the Users and ACLs that name it. Certificates and passwords are
made once and kept in the state folder, with the sessions and retained messages. The files are
watched: an edit of a User or ACL applies to the running broker, and so does one of the Broker's limits,
authentication, authorization and log level; any other of the Broker restarts it, and an edit that is not valid is reported and changes nothing.

With --mosquitto-conf it runs what a Mosquitto would: its listeners, password file, ACL file, certificates and limits. What
there is no counterpart of (bridges, plugins) is said and left out. kubectl-mqtt import makes objects of such a file.

Exit codes: 0 stopped by a signal; 1 the input is invalid, or something failed; 2 the command line is wrong.`

func newRun(s streams) *cobra.Command {
	var o local.Options
	var conf string
	cmd := &cobra.Command{
		Use: "run -f FILE|DIR...", Short: "Run a broker on this machine from the same YAML as in a cluster", Long: runHelp,
		Example: "  kubectl-mqtt run -f broker.yaml\n  kubectl-mqtt run -f manifests/ --broker edge --listen-host 0.0.0.0\n  kubectl-mqtt run --mosquitto-conf /etc/mosquitto/mosquitto.conf",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Paths = append(o.Paths, args...)
			if conf != "" {
				return runMosquitto(cmd, s, conf, o)
			}
			if len(o.Paths) == 0 {
				return errors.New("nothing to run: give -f FILE|DIR, or --mosquitto-conf FILE")
			}
			if slices.Contains(o.Paths, "-") {
				return errors.New("run watches its files, so it cannot read stdin: give a file or folder")
			}
			var err error
			if o.Loader, err = newLoader(s); err != nil {
				return failure{err}
			}
			o.Out, o.Log, o.Program, o.Version = s.out, s.err, os.Args[0], version
			if err := local.Run(cmd.Context(), o); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	fileFlag(cmd, &o.Paths)
	cmd.Flag("filename").Annotations = nil // one of the two is required, as RunE sees to
	cmd.Flags().StringVar(&conf, "mosquitto-conf", "", "Mosquitto's configuration `FILE` to run as it is, on its addresses, instead of -f")
	cmd.Flags().StringVar(&o.Broker, "broker", "", "Broker to run, name or namespace/name (default the only one)")
	cmd.Flags().StringVar(&o.StateDir, "state-dir", "./dunlin-state", "folder that everything is kept in")
	cmd.Flags().StringVar(&o.TokenKeys, "token-keys", "", "`FILE` with the public keys of ServiceAccounts' tokens, as of kubectl get --raw /openid/v1/jwks")
	cmd.Flags().StringVar(&o.Issuer, "token-issuer", "", "`URL` that the tokens name as their issuer")
	cmd.MarkFlagsRequiredTogether("token-keys", "token-issuer")
	cmd.Flags().StringVar(&o.ListenHost, "listen-host", "127.0.0.1", "address to listen on, 0.0.0.0 for all")
	return cmd
}

// runMosquitto runs what a Mosquitto would, in place of objects.
func runMosquitto(cmd *cobra.Command, s streams, conf string, o local.Options) error {
	if len(o.Paths) > 0 || cmd.Flags().Changed("broker") || cmd.Flags().Changed("listen-host") || o.TokenKeys != "" {
		return errors.New("--mosquitto-conf says all that is to run: leave -f, --broker, --listen-host and --token-keys out")
	}
	err := local.RunMosquitto(cmd.Context(), local.MosquittoOptions{File: conf, StateDir: o.StateDir, Version: version, Out: s.out, Log: s.err})
	if err != nil {
		return failure{err}
	}
	return nil
}
