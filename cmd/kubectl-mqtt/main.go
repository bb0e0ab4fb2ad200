// Command kubectl-mqtt runs, checks and prints MQTT brokers from the YAML that a cluster would be
// given, with no cluster at all, and shows and drives brokers that run: those of a cluster, and its own. By itself, or as
// `kubectl mqtt`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills
	code := execute(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}
