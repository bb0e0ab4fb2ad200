package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/cluster"
)

// completePatience is how long a shell's Tab may take. Who has no cluster gets no names, and no error.
const completePatience = 3 * time.Second

// completeMost is how many names are offered.
const completeMost = 100

// offers are what a shell may put in for what is typed of a word, of what a broker has. Those that do not fit may be among them.
type offers func(ctx context.Context, p place, typed string) ([]cobra.Completion, cobra.ShellCompDirective, error)

// positions has a shell complete BROKER, and then each of the words behind it.
func (o *targetOptions) positions(behind ...offers) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completePatience)
		defer cancel()
		broker := ""
		switch {
		case o.stateDir != "":
		case len(args) > 0:
			broker, args = args[0], args[1:]
		default:
			if names := beginning(o.brokers(ctx), typed); len(names) > 0 || len(behind) == 0 {
				return names, cobra.ShellCompDirectiveNoFileComp
			}
		}
		if len(args) >= len(behind) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return o.offer(ctx, broker, behind[len(args)], typed)
	}
}

// completeFlag has a shell complete the value of a flag that is there.
func (o *targetOptions) completeFlag(cmd *cobra.Command, flag string, by offers) {
	complete := func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completePatience)
		defer cancel()
		broker := ""
		if o.stateDir == "" && len(args) > 0 {
			broker = args[0]
		}
		return o.offer(ctx, broker, by, typed)
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag is defined already
	}
}

// offer asks a broker, or, if there is none of that name, since it may be another word, the only one of the namespace.
func (o *targetOptions) offer(ctx context.Context, broker string, by offers, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	for _, name := range []string{broker, ""} {
		p, err := o.place(ctx, name)
		if err != nil {
			continue
		}
		if names, directive, err := by(ctx, p, typed); err == nil {
			return names[:min(len(names), completeMost)], directive
		}
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completions has a shell complete what every command has that is about a broker.
func (o *targetOptions) completions(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = o.positions()
	}
	for flag, names := range map[string]func(context.Context) []string{
		"namespace": func(ctx context.Context) []string {
			c, err := cluster.Open(o.Options)
			if err != nil {
				return nil
			}
			names, _ := c.Namespaces(ctx) // who may not list them types them
			return names
		},
		"context": func(context.Context) []string { return cluster.Contexts(o.Options) },
	} {
		err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			ctx, cancel := context.WithTimeout(cmd.Context(), completePatience)
			defer cancel()
			return beginning(names(ctx), typed), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			panic(err) // the flag is defined already
		}
	}
}

// brokers are the names of the namespace's.
func (o *targetOptions) brokers(ctx context.Context) []string {
	c, err := cluster.Open(o.Options)
	if err != nil {
		return nil
	}
	brokers, err := c.Brokers(ctx)
	if err != nil {
		return nil
	}
	names := make([]string, len(brokers))
	for i, b := range brokers {
		names[i] = b.Name
	}
	return names
}

// beginning are those of names that begin with what is typed.
func beginning(names []string, typed string) []cobra.Completion {
	var fit []cobra.Completion
	for _, name := range names {
		if strings.HasPrefix(name, typed) {
			fit = append(fit, name)
		}
	}
	return fit
}

// fixed words are offered whatever the broker has.
func fixed(words ...string) offers {
	return func(_ context.Context, _ place, typed string) ([]cobra.Completion, cobra.ShellCompDirective, error) {
		return beginning(words, typed), cobra.ShellCompDirectiveNoFileComp, nil
	}
}

// files are those of this machine.
func files(context.Context, place, string) ([]cobra.Completion, cobra.ShellCompDirective, error) {
	return nil, cobra.ShellCompDirectiveDefault, nil
}

// asking is of what the admin API says.
func asking(ask func(ctx context.Context, c *adminapi.Client, typed string) ([]string, error)) offers {
	return func(ctx context.Context, p place, typed string) ([]cobra.Completion, cobra.ShellCompDirective, error) {
		c, err := p.target.Connect(ctx)
		if err != nil {
			return nil, 0, err
		}
		defer c.Close()
		names, err := ask(ctx, c, typed)
		return beginning(names, typed), cobra.ShellCompDirectiveNoFileComp, err
	}
}

// clientIDs are those of clients.
func clientIDs(ctx context.Context, p place, typed string) ([]cobra.Completion, cobra.ShellCompDirective, error) {
	return asking(func(ctx context.Context, c *adminapi.Client, typed string) ([]string, error) {
		page, err := c.Clients(ctx, adminapi.ClientQuery{Search: typed}, "", adminapi.MaxPage)
		ids := make([]string, len(page.Items))
		for i, c := range page.Items {
			ids[i] = c.ID
		}
		return ids, err
	})(ctx, p, typed)
}

// userNames are those by which users connect.
func userNames(ctx context.Context, p place, typed string) ([]cobra.Completion, cobra.ShellCompDirective, error) {
	return asking(func(ctx context.Context, c *adminapi.Client, typed string) ([]string, error) {
		page, err := c.Users(ctx, typed, "", adminapi.MaxPage)
		names := make([]string, len(page.Items))
		for i, u := range page.Items {
			names[i] = u.Name
		}
		return names, err
	})(ctx, p, typed)
}

// listenerNames are those of the broker's listeners.
func listenerNames(ctx context.Context, p place, typed string) ([]cobra.Completion, cobra.ShellCompDirective, error) {
	return asking(func(ctx context.Context, c *adminapi.Client, _ string) ([]string, error) {
		overview, err := c.Overview(ctx)
		names := make([]string, len(overview.Listeners))
		for i, l := range overview.Listeners {
			names[i] = l.Name
		}
		return names, err
	})(ctx, p, typed)
}

// topicNames are those of the level of the tree that is being typed. One that has others below it is offered with its slash, too.
func topicNames(ctx context.Context, p place, typed string) ([]cobra.Completion, cobra.ShellCompDirective, error) {
	names, directive, err := asking(func(ctx context.Context, c *adminapi.Client, typed string) ([]string, error) {
		above := typed[:max(0, strings.LastIndexByte(typed, '/'))]
		page, err := c.Topics(ctx, above, "", adminapi.MaxPage)
		var names []string
		for _, n := range page.Items {
			if n.Retained || n.Messages > 0 || n.Children == 0 {
				names = append(names, n.Topic)
			}
			if n.Children > 0 {
				names = append(names, n.Topic+"/")
			}
		}
		return names, err
	})(ctx, p, typed)
	return names, directive | cobra.ShellCompDirectiveNoSpace, err
}

// userObjects are the Users that a client can connect as.
func userObjects(ctx context.Context, p place, typed string) ([]cobra.Completion, cobra.ShellCompDirective, error) {
	names, err := p.users(ctx)
	return beginning(names, typed), cobra.ShellCompDirectiveNoFileComp, err
}
