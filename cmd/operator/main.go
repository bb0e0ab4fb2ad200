// Command operator runs Dunlin's controllers in a Kubernetes cluster: flags, a manager, and
// controllers.SetupWithManager. All decisions are package controllers'.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/dunlin-mqtt/dunlin/controllers"
)

// version is set by the linker.
var version = "dev"

// The exit codes.
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

func main() {
	os.Exit(run(ctrl.SetupSignalHandler(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: it returns the exit code, and ends when ctx does.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case o.version:
		fmt.Fprintln(stdout, "dunlin-operator", version)
		return exitOK
	}
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: o.level})))
	if err := operate(ctx, o); err != nil {
		ctrl.Log.Error(err, "the operator ends")
		return exitFail
	}
	return exitOK
}

// operate runs the controllers until ctx ends.
func operate(ctx context.Context, o options) error {
	scheme, err := controllers.Scheme()
	if err != nil {
		return err
	}
	kubeconfig, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	kubeconfig.QPS = -1 // the API server's priority and fairness decides, not a guess made here
	mgr, err := ctrl.NewManager(kubeconfig, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         controllers.CacheOptions(o.namespaces),
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              o.leaderID,
		LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress:        o.health,
		Metrics: metricsserver.Options{
			BindAddress: o.metrics, SecureServing: true,
			FilterProvider: filters.WithAuthenticationAndAuthorization,
		},
	})
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add the health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add the readiness check: %w", err)
	}
	setup := controllers.Options{Image: o.brokerImage, Namespaces: o.namespaces}
	if err := controllers.SetupWithManager(ctx, mgr, setup); err != nil {
		return err
	}
	ctrl.Log.Info("starting", "version", version, "broker-image", o.brokerImage, "namespaces", o.namespaces)
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run the manager: %w", err)
	}
	return nil
}
