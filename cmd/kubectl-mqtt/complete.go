package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/cluster"
)

// completePatience is how long a shell's Tab may take. Who has no cluster gets no names, and no error.
const completePatience = 3 * time.Second

// completeMost is how many names are offered.
const completeMost = 100

// completions has the shell complete BROKER.
func (o *targetOptions) completions(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if o.stateDir != "" || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return o.brokerNames(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
		}
	}
	err := cmd.RegisterFlagCompletionFunc("namespace", cobra.NoFileCompletions)
	if err != nil {
		panic(err) // the flag is defined already
	}
}

// completeClients has the shell complete BROKER, and then a client's identifier.
func (o *targetOptions) completeClients(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	broker := ""
	switch {
	case o.stateDir == "" && len(args) == 0:
		return o.brokerNames(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
	case o.stateDir == "" && len(args) == 1:
		broker = args[0]
	case o.stateDir == "" || len(args) > 0:
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completePatience)
	defer cancel()
	to, err := o.reach(ctx, broker)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer to.Close()
	page, err := to.Clients(ctx, adminapi.ClientQuery{Search: typed}, "", completeMost)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ids := make([]cobra.Completion, len(page.Items))
	for i, c := range page.Items {
		ids[i] = c.ID
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func (o *targetOptions) brokerNames(ctx context.Context) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, completePatience)
	defer cancel()
	c, err := cluster.Open(o.Options)
	if err != nil {
		return nil
	}
	brokers, err := c.Brokers(ctx)
	if err != nil {
		return nil
	}
	names := make([]cobra.Completion, len(brokers))
	for i, b := range brokers {
		names[i] = b.Name
	}
	return names
}
