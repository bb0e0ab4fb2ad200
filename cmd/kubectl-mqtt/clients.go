package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const clientsHelp = `Lists the clients of a broker: those that are connected, and those that are away and have a session. The
list is ordered by client identifier, and comes in pages of --limit; --all shows all of it.

` + whose + `
` + rights + `

` + exits

type clientsOptions struct {
	askOptions
	query        adminapi.ClientQuery
	connected    bool
	disconnected bool
	limit        int
	after        string
	all          bool
}

func newClients(s streams) *cobra.Command {
	var o clientsOptions
	cmd := &cobra.Command{
		Use: "clients [BROKER]", Short: "List the clients of a running broker", Long: clientsHelp,
		Example: "  kubectl mqtt clients edge\n" +
			"  kubectl mqtt clients edge --user alice --connected\n" +
			"  kubectl mqtt clients edge --search sensor- -o json --all\n" +
			"  kubectl-mqtt clients --state-dir ./dunlin-state",
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.query.Search, "search", "", "only those with this in their identifier, user name or address")
	flags.StringVar(&o.query.User, "user", "", "only this user's")
	flags.StringVar(&o.query.Listener, "listener", "", "only those connected through this listener")
	flags.BoolVar(&o.connected, "connected", false, "only those that are connected")
	flags.BoolVar(&o.disconnected, "disconnected", false, "only those that are away")
	flags.IntVar(&o.limit, "limit", 100, "how many to show, 1 to 1000")
	flags.StringVar(&o.after, "after", "", "show those after this one of an earlier page")
	flags.BoolVar(&o.all, "all", false, "show all pages")
	o.completeFlag(cmd, "user", userNames)
	o.completeFlag(cmd, "listener", listenerNames)
	cmd.MarkFlagsMutuallyExclusive("connected", "disconnected")
	cmd.MarkFlagsMutuallyExclusive("all", "after")
	work := o.ask(s, 0, 0, func(ctx context.Context, a *asked, _ []string) error { return listClients(ctx, a, o) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.limit < 1 || o.limit > adminapi.MaxPage {
			return fmt.Errorf("--limit %d is not from 1 to %d", o.limit, adminapi.MaxPage)
		}
		if o.connected || o.disconnected {
			o.query.Connected = &o.connected
		}
		return work(cmd, args)
	}
	return cmd
}

func listClients(ctx context.Context, a *asked, o clientsOptions) error {
	page, err := a.Clients(ctx, o.query, o.after, o.limit)
	if err != nil {
		return err
	}
	if o.all {
		next := func(after string) (api.Page[api.Client], error) {
			return a.Clients(ctx, o.query, after, adminapi.MaxPage)
		}
		page = api.Page[api.Client]{Items: []api.Client{}, Total: page.Total}
		for c, err := range adminapi.All(next) {
			if err != nil {
				return err
			}
			page.Items = append(page.Items, c)
		}
	}
	none := "No client fits."
	if o.query == (adminapi.ClientQuery{}) && o.after == "" {
		none = "There are no clients, and no sessions of any."
	}
	if err := a.list(page, none, func() *screen.Table { return clientTable(page.Items, time.Now()) }); err != nil {
		return err
	}
	if page.Next != "" && !a.format.ForPrograms() {
		a.note("%s. The next page: --after %s", shown(len(page.Items), page.Total, "client"), screen.Quote(page.Next))
	}
	return nil
}

// shown is how much of a list a page is; a total of -1 is not known.
func shown(n, total int, what string) string {
	if total < 0 {
		return count(n, what) + ", and there are more"
	}
	return fmt.Sprintf("%d of %s", n, count(total, what))
}

func clientTable(clients []api.Client, now time.Time) *screen.Table {
	t := &screen.Table{Columns: []screen.Column{
		{Name: "CLIENT"}, {Name: "USER"}, {Name: "STATE"}, {Name: "FOR", Right: true}, {Name: "MQTT"}, {Name: "LISTENER", Wide: true}, {Name: "ADDRESS"},
		{Name: "SUBS", Right: true}, {Name: "QUEUED", Right: true}, {Name: "IN FLIGHT", Wide: true, Right: true},
	}}
	for _, c := range clients {
		state := screen.Cell{Text: "connected", Style: screen.Green}
		if !c.Connected {
			state = screen.Cell{Text: "away", Style: screen.Yellow}
		}
		queued := screen.Cell{Text: screen.Count(c.Queued)}
		if c.Queued > 0 {
			queued.Style = screen.Yellow
		}
		t.AddStyled(
			screen.Cell{Text: c.ID, Style: screen.Bold}, screen.Cell{Text: c.User}, state, screen.Cell{Text: since(c.Since, now)}, screen.Cell{Text: c.Protocol},
			screen.Cell{Text: c.Listener}, screen.Cell{Text: c.Address}, screen.Cell{Text: strconv.Itoa(c.Subscriptions)}, queued,
			screen.Cell{Text: strconv.Itoa(c.Inflight)})
	}
	return t
}

// since is how long ago it was; "" if that is not known.
func since(then *time.Time, now time.Time) string {
	if then == nil {
		return ""
	}
	return screen.Span(now.Sub(*then))
}
