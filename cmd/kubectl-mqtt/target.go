package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/cluster"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
)

// targetOptions say which broker a command is about.
type targetOptions struct {
	cluster.Options
	stateDir string
}

func (o *targetOptions) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig file (default as kubectl: $KUBECONFIG, ~/.kube/config)")
	flags.StringVar(&o.Context, "context", "", "context of the kubeconfig (default the current one)")
	flags.StringVarP(&o.Namespace, "namespace", "n", "", "namespace of the Broker (default the context's)")
	flags.StringVar(&o.stateDir, "state-dir", "", "state folder of a kubectl-mqtt run: its broker, and no cluster")
}

// split takes the broker's name off args, unless the broker is the one of a state folder.
func (o *targetOptions) split(args []string, more int) (broker string, rest []string, err error) {
	switch {
	case o.stateDir != "" && len(args) == more:
		return "", args, nil
	case o.stateDir != "" && len(args) > more:
		return "", nil, errors.New("give a BROKER of the cluster or --state-dir, not both")
	case o.stateDir != "" || len(args) != more+1:
		return "", nil, errors.New("give the name of one BROKER of the cluster, or --state-dir for one that kubectl-mqtt run runs")
	}
	return args[0], args[1:], nil
}

func (o *targetOptions) target(broker string) (adminapi.Target, error) {
	if o.stateDir != "" {
		return local.Target(o.stateDir)
	}
	c, err := cluster.Open(o.Options)
	if err != nil {
		return adminapi.Target{}, err
	}
	return c.Target(broker), nil
}
