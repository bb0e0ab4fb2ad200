package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/transfer"
)

const restoreHelp = `Restores a backup into a running broker: all its sessions, subscriptions, queued and retained messages
are replaced by those of FILE. The broker checks FILE first; one that is damaged, cut short or of a
newer version changes nothing. Then it disconnects every client and starts again, within seconds, and
this command waits until it is ready. Users, access rules and certificates stay as they are.

In a cluster it goes through a port-forward to the broker's pod. You need to be allowed to get the
Secret BROKER-operator-tls, to list pods, and to create pods/portforward.

Exit codes: 0 the broker is ready with what was restored; 1 something failed, or you said no (the
message tells whether the broker has taken the backup); 2 the command line is wrong.`

type restoreOptions struct {
	targetOptions
	file    string
	yes     bool
	timeout time.Duration
}

func newRestore(s streams) *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use: "restore BROKER FILE", Short: "Replace what a running broker keeps by a backup", Long: restoreHelp,
		Example: "  kubectl mqtt restore edge -n plant edge.backup\n" +
			"  kubectl-mqtt restore --state-dir ./dunlin-state edge.backup --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			broker, rest, err := o.split(args, 1)
			if err != nil {
				return err
			}
			if o.timeout <= 0 {
				return fmt.Errorf("--timeout %s is not positive", o.timeout)
			}
			o.file = rest[0]
			if err := restore(cmd.Context(), s, o, broker); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	cmd.ValidArgsFunction = o.positions(files)
	o.flags(cmd)
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long the broker may take to be ready again")
	return cmd
}

func restore(ctx context.Context, s streams, o restoreOptions, broker string) error {
	file, size, err := transfer.Open(o.file)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	target, err := o.target(broker)
	if err != nil {
		return err
	}
	if !o.yes {
		if err := confirm(s, target.Name, o.file, size); err != nil {
			return err
		}
	}
	progress := newProgress(s.err, "Sent", size)
	began := time.Now()
	err = transfer.Load(ctx, target, file, size, o.timeout, progress.at, func() {
		progress.end()
		began = time.Now()
		fmt.Fprintf(s.err, "The backup is good and taken. Waiting until the broker has started again.\n")
	})
	progress.end()
	if err != nil {
		return fmt.Errorf("restore %s: %w", target.Name, err)
	}
	fmt.Fprintf(s.out, "%s is restored from %s, and ready after %.1f s.\n", target.Name, o.file, time.Since(began).Seconds())
	return nil
}

// confirm asks the user; the error is a no.
func confirm(s streams, name, file string, size int64) error {
	fmt.Fprintf(s.err, "This replaces all sessions and messages of %s by those of %s (%s),\nand disconnects every client. Restore? [y/N] ",
		name, file, screen.Bytes(size))
	answer, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(s.err)
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("read your answer: %w", err)
		}
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was restored: answer y, or give --yes where nobody can")
}
