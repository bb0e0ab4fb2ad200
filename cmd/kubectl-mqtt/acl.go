package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/token"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const aclHelp = `Shows what the access rules of a running broker are, and what they have refused. can-i asks them one question.`

const aclListHelp = `Lists the access rules that a broker has in force, in the order of their priority, with when each last decided
something since it was loaded: rules that never do may be wrong, or in the shade of others. --user narrows the
list to those that are about a user: by name, by one of the user's groups or its labels, or everyone.

` + whose + `
` + rights + `

` + exits

const denialsHelp = `Lists what a broker has refused of late, the newest first: connections, TLS handshakes, publishes and
subscriptions, with the reason. The same again is counted in one line. The broker remembers the last 1000.

` + whose + `
` + rights + `

` + exits

func newACL(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "acl", Short: "Show access rules, and what they refuse", Long: aclHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newACLList(s), newDenials(s), newExplain(s))
	return cmd
}

func newACLList(s streams) *cobra.Command {
	var o askOptions
	var user string
	cmd := &cobra.Command{
		Use: "list [BROKER]", Short: "List the access rules in force, and when each was last used", Long: aclListHelp,
		Example: "  kubectl mqtt acl list edge\n" +
			"  kubectl mqtt acl list edge --user alice -o wide\n" +
			"  kubectl-mqtt acl list --state-dir ./dunlin-state",
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&user, "user", "", "only rules that are about this user")
	o.completeFlag(cmd, "user", userNames)
	cmd.RunE = o.ask(s, 0, 0, func(ctx context.Context, a *asked, _ []string) error {
		about, err := subjectsOf(ctx, a, user)
		if err != nil {
			return err
		}
		rules := []api.Rule{}
		next := func(after string) (api.Page[api.Rule], error) { return a.Rules(ctx, after, adminapi.MaxPage) }
		for r, err := range adminapi.All(next) {
			if err != nil {
				return err
			}
			if about == nil || slices.ContainsFunc(r.Subjects, func(subject string) bool { return about[subject] }) {
				rules = append(rules, r)
			}
		}
		none := "There are no rules: the default policy decides everything."
		if user != "" {
			none = "No rule is about this user: the default policy decides everything."
		}
		return a.list(rules, none, func() *screen.Table { return ruleTable(rules, time.Now()) })
	})
	return cmd
}

// subjectsOf are what rules call a user by; nil: all rules are wanted.
func subjectsOf(ctx context.Context, a *asked, user string) (map[string]bool, error) {
	if user == "" {
		return nil, nil
	}
	known, err := a.User(ctx, user)
	if err != nil {
		return nil, err
	}
	about := map[string]bool{"Everyone": true, "User " + user: true}
	if namespace, name, ok := token.Parse(user); ok {
		about["ServiceAccount "+namespace+"/"+name] = true
		return about, nil
	}
	if known == nil {
		a.note("The broker knows no user %s: these are the rules that would be about one.", screen.Quote(user))
		return about, nil
	}
	for _, group := range known.Groups {
		about["Group "+group] = true
	}
	for _, subject := range known.Selected {
		about[subject] = true
	}
	return about, nil
}

func ruleTable(rules []api.Rule, now time.Time) *screen.Table {
	t := &screen.Table{Columns: []screen.Column{
		{Name: "RULE"}, {Name: "PRIORITY", Right: true, Wide: true}, {Name: "EFFECT"}, {Name: "SUBJECTS"}, {Name: "ACTIONS"}, {Name: "TOPICS"}, {Name: "LAST USED", Right: true},
	}}
	for _, r := range rules {
		used := screen.Cell{Text: "never", Style: screen.Faint}
		if r.Used != nil {
			used = screen.Cell{Text: since(r.Used, now) + " ago"}
		}
		t.AddStyled(screen.Cell{Text: r.Name, Style: screen.Bold}, screen.Cell{Text: strconv.Itoa(r.Priority)}, effectCell(r.Effect), screen.Cell{Text: strings.Join(r.Subjects, ", ")},
			screen.Cell{Text: strings.Join(r.Actions, ", ")}, screen.Cell{Text: strings.Join(r.Topics, ", ")}, used)
	}
	return t
}

func newDenials(s streams) *cobra.Command {
	var o askOptions
	var limit int
	var client, user string
	cmd := &cobra.Command{
		Use: "denials [BROKER]", Short: "List what was refused of late, and why", Long: denialsHelp,
		Example: "  kubectl mqtt acl denials edge\n" +
			"  kubectl mqtt acl denials edge --client sensor-17 -o json\n" +
			"  kubectl-mqtt acl denials --state-dir ./dunlin-state",
	}
	o.flags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "how many to show; 0: all")
	cmd.Flags().StringVar(&client, "client", "", "only of the client with this identifier")
	cmd.Flags().StringVar(&user, "user", "", "only of this user")
	o.completeFlag(cmd, "client", clientIDs)
	o.completeFlag(cmd, "user", userNames)
	cmd.RunE = o.ask(s, 0, 0, func(ctx context.Context, a *asked, _ []string) error {
		denials := []api.Denial{}
		next := func(after string) (api.Page[api.Denial], error) { return a.Denials(ctx, after, adminapi.MaxPage) }
		for d, err := range adminapi.All(next) {
			if err != nil {
				return err
			}
			if (client == "" || d.Client == client) && (user == "" || d.User == user) {
				denials = append(denials, d)
			}
			if limit > 0 && len(denials) == limit {
				break
			}
		}
		return a.list(denials, "Nothing that fits was refused since the broker started.", func() *screen.Table { return denialTable(denials, time.Now()) })
	})
	return cmd
}

func denialTable(denials []api.Denial, now time.Time) *screen.Table {
	t := &screen.Table{Columns: []screen.Column{
		{Name: "AGO", Right: true}, {Name: "TIMES", Right: true}, {Name: "CLIENT"}, {Name: "USER"}, {Name: "ACTION"}, {Name: "TOPIC"}, {Name: "REASON"}, {Name: "ADDRESS", Wide: true},
	}}
	for _, d := range denials {
		style := screen.Red
		if d.Audited { // it happened
			style = screen.Yellow
		}
		t.AddStyled(screen.Cell{Text: since(&d.Time, now)}, screen.Cell{Text: strconv.Itoa(d.Count)}, screen.Cell{Text: d.Client, Style: screen.Bold}, screen.Cell{Text: d.User},
			screen.Cell{Text: d.Action, Style: style}, screen.Cell{Text: d.Topic}, screen.Cell{Text: d.Reason}, screen.Cell{Text: d.Peer})
	}
	return t
}
