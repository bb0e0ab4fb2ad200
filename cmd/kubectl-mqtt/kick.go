package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const kickHelp = `Disconnects a client: an MQTT 5 client is told DISCONNECT with reason 0x98, Administrative action. It may
connect again at once. With --session its session ends too, with its subscriptions and all that waits for it;
also of a client that is away. To keep somebody out, suspend the User (spec.suspended: true).

` + whose + `
` + rights + `

` + exits

func newKick(s streams) *cobra.Command {
	var o askOptions
	var session bool
	cmd := &cobra.Command{
		Use: "kick [BROKER] ID", Short: "Disconnect a client", Long: kickHelp,
		Example: "  kubectl mqtt kick edge sensor-17\n" +
			"  kubectl-mqtt kick --state-dir ./dunlin-state sensor-17 --session",
		ValidArgsFunction: o.positions(clientIDs),
	}
	o.targetOptions.flags(cmd)
	cmd.Flags().BoolVar(&session, "session", false, "end its session too: subscriptions and waiting messages are gone")
	cmd.RunE = o.ask(s, 1, 1, func(ctx context.Context, a *asked, args []string) error {
		if err := a.Disconnect(ctx, args[0], session); err != nil {
			return unknownClient(err, args[0])
		}
		what := "is disconnected"
		if session {
			what += ", and its session has ended"
		}
		return a.Print("Client " + screen.Clean(screen.Quote(args[0])) + " " + what + ".")
	})
	return cmd
}
