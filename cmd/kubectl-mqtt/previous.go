package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const previousHelp = `Lists the connections to a running broker that were made with a password of before: one that has been
changed, and works on until its grace period (spec.authentication.password.gracePeriodSeconds) ends. These clients
are disconnected then, and cannot come back before they have the new one. At most 1000 are listed.

` + whose + `
` + rights + `

` + exits

func newPreviousPasswords(s streams) *cobra.Command {
	var o askOptions
	cmd := &cobra.Command{
		Use: "previous-passwords [BROKER]", Short: "List who is connected with a password of before", Long: previousHelp,
		Example: "  kubectl mqtt previous-passwords edge -n plant\n" +
			"  kubectl-mqtt previous-passwords --state-dir ./dunlin-state",
	}
	o.flags(cmd)
	cmd.RunE = o.ask(s, 0, 0, func(ctx context.Context, a *asked, _ []string) error {
		list, err := a.PreviousPasswords(ctx)
		if err != nil {
			return err
		}
		return a.list(list, "Nobody is connected with a password of before.", func() *screen.Table {
			t := &screen.Table{Columns: []screen.Column{{Name: "USER"}, {Name: "CLIENT"}, {Name: "ADDRESS"}}}
			for _, c := range list {
				t.AddStyled(screen.Cell{Text: c.User}, screen.Cell{Text: c.Client, Style: screen.Bold}, screen.Cell{Text: c.Address})
			}
			return t
		})
	})
	return cmd
}
