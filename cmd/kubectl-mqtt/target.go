package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/cluster"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
)

// anyNumber of arguments.
const anyNumber = math.MaxInt

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
	if err := cmd.MarkFlagDirname("state-dir"); err != nil {
		panic(err) // the flag is defined above
	}
	o.completions(cmd)
}

// split takes the broker's name off args, of which there are as many more, unless the broker is the one of a state folder.
func (o *targetOptions) split(args []string, more int) (broker string, rest []string, err error) {
	if broker, rest, err = o.take(args, more, more); err == nil && broker == "" && o.stateDir == "" {
		err = errNoBroker
	}
	return broker, rest, err
}

var errNoBroker = errors.New("give the name of one BROKER of the cluster, or --state-dir for one that kubectl-mqtt run runs")

// take takes the broker's name off args, of which there are least to most more. It is "" if the broker is the one of a state
// folder, and if it is left out because the namespace has but one, which can be told only where the others are fixed in number.
func (o *targetOptions) take(args []string, least, most int) (broker string, rest []string, err error) {
	if o.stateDir != "" {
		switch {
		case len(args) > most:
			return "", nil, errors.New("give a BROKER of the cluster or --state-dir, not both")
		case len(args) < least:
			return "", nil, errNoBroker
		}
		return "", args, nil
	}
	if least == most && len(args) == least {
		return "", args, nil
	}
	if len(args) <= least || most != anyNumber && len(args) > most+1 {
		return "", nil, errNoBroker
	}
	return args[0], args[1:], nil
}

// place is where a broker is.
type place struct {
	target  adminapi.Target
	cluster *cluster.Cluster // nil: a state folder
	broker  string           // its name in the cluster
	state   *local.State     // nil: a cluster
}

// place finds where the broker is. "" is the state folder's, or the only one of the namespace.
func (o *targetOptions) place(ctx context.Context, broker string) (place, error) {
	if o.stateDir != "" {
		target, err := local.Target(o.stateDir)
		return place{target: target, state: local.ReadState(o.stateDir)}, err
	}
	c, err := cluster.Open(o.Options)
	if err != nil {
		return place{}, err
	}
	if broker == "" {
		b, err := c.Broker(ctx, "")
		if err != nil {
			return place{}, err
		}
		broker = b.Name
	}
	return place{target: c.Target(broker), cluster: c, broker: broker}, nil
}

// users are the Users that a client can connect as, by name, or namespace/name where it is of another namespace.
func (p *place) users(ctx context.Context) ([]string, error) {
	if p.state != nil {
		return p.state.Users()
	}
	b, err := p.cluster.Broker(ctx, p.broker)
	if err != nil {
		return nil, err
	}
	users, _, err := p.cluster.Users(ctx, b)
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Name
		if u.Namespace != b.Namespace {
			names[i] = u.Namespace + "/" + u.Name
		}
	}
	return names, err
}

// target is for commands to which nothing but the admin API matters.
func (o *targetOptions) target(broker string) (adminapi.Target, error) {
	p, err := o.place(context.Background(), broker) // it asks nothing about a broker that has a name
	return p.target, err
}

// reached is a broker that a command has reached.
type reached struct {
	*adminapi.Client
	place
}

// reach connects to the broker's admin API. Whoever calls it closes what it returns.
func (o *targetOptions) reach(ctx context.Context, broker string) (*reached, error) {
	p, err := o.place(ctx, broker)
	if err != nil {
		return nil, err
	}
	c, err := p.target.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", p.target.Name, err)
	}
	return &reached{Client: c, place: p}, nil
}
