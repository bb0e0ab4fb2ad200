package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/transfer"
)

const backupHelp = `Takes a backup of a running broker: its sessions, subscriptions, queued and retained messages, as they
are at one moment. The broker serves on meanwhile. Users, access rules and certificates are not in it:
they are in the YAML, and in the cluster's Secrets or the state folder.

FILE appears when the backup is whole and on the disk; until then it is FILE.part. Only its owner can
read it. It has messages in the clear: keep it as safe as the broker's volume.

In a cluster it goes through a port-forward to the broker's pod. You need to be allowed to get the
Secret BROKER-operator-tls, to list pods, and to create pods/portforward.

Exit codes: 0 success; 1 something failed, and there is no FILE; 2 the command line is wrong.`

type backupOptions struct {
	targetOptions
	file  string
	force bool
}

func newBackup(s streams) *cobra.Command {
	var o backupOptions
	cmd := &cobra.Command{
		Use: "backup BROKER -o FILE", Short: "Save what a running broker keeps to a file", Long: backupHelp,
		Example: "  kubectl mqtt backup edge -n plant -o edge.backup\n" +
			"  kubectl-mqtt backup --state-dir ./dunlin-state -o edge.backup",
		RunE: func(cmd *cobra.Command, args []string) error {
			broker, _, err := o.split(args, 0)
			if err != nil {
				return err
			}
			if o.file == "" {
				return errors.New("-o has no file name")
			}
			if err := backup(cmd.Context(), s, o, broker); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVarP(&o.file, "output", "o", "", "file to write (required)")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace FILE if it is there")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

func backup(ctx context.Context, s streams, o backupOptions, broker string) error {
	target, err := o.target(broker)
	if err != nil {
		return err
	}
	progress := newProgress(s.err, "Received", 0)
	size, err := transfer.Save(ctx, target, o.file, o.force, progress.at)
	progress.end()
	if err != nil {
		return fmt.Errorf("back up %s: %w", target.Name, err)
	}
	fmt.Fprintf(s.out, "%s is a backup of %s: %s.\n", o.file, target.Name, screen.Bytes(size))
	return nil
}
