package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// options are the operator's flags.
type options struct {
	brokerImage string
	namespaces  namespaceList
	leaderElect bool
	leaderID    string
	metrics     string
	health      string
	level       slog.Level
	version     bool
}

// namespaceList is a flag that may be given more than once, or with commas.
type namespaceList []string

// String is the flag's value as it would be written.
func (n *namespaceList) String() string { return strings.Join(*n, ",") }

// Set adds the namespaces in value.
func (n *namespaceList) Set(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.TrimSpace(name); name != "" {
			*n = append(*n, name)
		}
	}
	return nil
}

const usage = `dunlin-operator makes Brokers, Users and ACLs (mqtt.dunlin.dev) real in a Kubernetes cluster.

Usage: dunlin-operator --broker-image IMAGE [flags]

It finds the cluster by its service account in a pod, by $KUBECONFIG or by ~/.kube/config.
Exit codes: 0 stopped, 1 failed, 2 usage.

`

// parse reads the flags; what is wrong with them has been written to stderr.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("dunlin-operator", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	f.StringVar(&o.brokerImage, "broker-image", "", "The `image` of brokers whose spec names none. Required.")
	f.Var(&o.namespaces, "watch-namespace",
		"A `namespace` to serve; may be given more than once, or as a list with commas. None: all namespaces.")
	f.BoolVar(&o.leaderElect, "leader-elect", false,
		"Let only one of several operators work at a time; needed where there is more than one replica.")
	f.StringVar(&o.leaderID, "leader-election-id", "dunlin-operator",
		"The `name` of the lease by which that one is chosen, in the operator's namespace: one for each release there.")
	f.StringVar(&o.metrics, "metrics-bind-address", "0",
		"The `host:port` of Prometheus metrics, over HTTPS and for callers whom the cluster lets get /metrics. 0: none.")
	f.StringVar(&o.health, "health-probe-bind-address", ":8080", "The `host:port` of /healthz and /readyz. 0: none.")
	f.TextVar(&o.level, "log-level", slog.LevelInfo, "The least severe `level` that is logged: DEBUG, INFO, WARN or ERROR.")
	f.BoolVar(&o.version, "version", false, "Print the version and end.")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	err := check(o, f.Args())
	if err != nil {
		fmt.Fprintf(stderr, "dunlin-operator: %s\n", err)
	}
	return o, err
}

func check(o options, rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q: see --help", rest[0])
	case o.level < slog.LevelDebug: // client-go would log the bodies of its requests, Secrets among them
		return fmt.Errorf("--log-level %s: want DEBUG, INFO, WARN or ERROR", o.level)
	case o.brokerImage == "" && !o.version:
		return errors.New("--broker-image is required: the image of brokers whose spec names none")
	}
	return nil
}
