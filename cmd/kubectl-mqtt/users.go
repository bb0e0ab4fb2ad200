package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

const usersHelp = `Lists who may connect to a broker: the users that it has loaded, with their groups and open connections, and in a
cluster the User objects that they come from, also those that are not in force, with the reason.

` + whose + `
` + rights + ` It reads User objects.

` + exits

// userRow is a user as users shows it.
type userRow struct {
	Name        string   `json:"name"`             // to the broker
	Object      string   `json:"object,omitempty"` // the User, namespace/name; "": none, or no cluster
	Groups      []string `json:"groups,omitempty"`
	Loaded      bool     `json:"loaded"` // the broker lets it in
	Connections int      `json:"connections"`
	Reason      string   `json:"reason,omitempty"` // of the User's condition Ready
	Message     string   `json:"message,omitempty"`
}

func newUsers(s streams) *cobra.Command {
	var o askOptions
	cmd := &cobra.Command{
		Use: "users [BROKER]", Short: "List who may connect, and who is not let in and why", Long: usersHelp,
		Example: "  kubectl mqtt users edge\n" +
			"  kubectl-mqtt users --state-dir ./dunlin-state -o json",
	}
	o.flags(cmd)
	cmd.RunE = o.ask(s, 0, 0, func(ctx context.Context, a *asked, _ []string) error {
		var loaded []api.User
		next := func(after string) (api.Page[api.User], error) { return a.Users(ctx, "", after, adminapi.MaxPage) }
		for u, err := range adminapi.All(next) {
			if err != nil {
				return err
			}
			loaded = append(loaded, u)
		}
		var objects []v1alpha1.User
		if a.cluster != nil {
			b, err := a.cluster.Broker(ctx, a.broker)
			if err != nil {
				return err
			}
			var partial string
			if objects, partial, err = a.cluster.Users(ctx, b); err != nil {
				return err
			}
			if partial != "" {
				a.note("%s", partial)
			}
		}
		rows := joinUsers(loaded, objects)
		return a.list(rows, "There are no users.", func() *screen.Table { return userTable(rows, a.cluster != nil) })
	})
	return cmd
}

// joinUsers puts together what the broker has loaded and the objects.
func joinUsers(loaded []api.User, objects []v1alpha1.User) []userRow {
	rows := []userRow{}
	at := map[string]int{}
	for _, u := range loaded {
		at[u.Name] = len(rows)
		rows = append(rows, userRow{Name: u.Name, Groups: u.Groups, Loaded: true, Connections: u.Connections})
	}
	for i := range objects {
		u := &objects[i]
		row := userRow{Name: render.Username(u), Object: u.Namespace + "/" + u.Name, Groups: u.Spec.Groups}
		ready := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionReady)
		if ready != nil && (ready.Status != metav1.ConditionTrue || ready.Reason == v1alpha1.ReasonSuspended) {
			row.Reason, row.Message = ready.Reason, ready.Message
		}
		// Of two objects with one user name only one is in force, and the other says so.
		if j, ok := at[row.Name]; ok && rows[j].Object == "" && row.Reason != v1alpha1.ReasonUsernameTaken {
			rows[j].Object, rows[j].Reason, rows[j].Message = row.Object, row.Reason, row.Message
			continue
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b userRow) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

func userTable(rows []userRow, cluster bool) *screen.Table {
	t := &screen.Table{Columns: []screen.Column{
		{Name: "USER"}, {Name: "IN FORCE"}, {Name: "CONNECTIONS", Right: true}, {Name: "GROUPS"}, {Name: "OBJECT", Wide: !cluster}, {Name: "REASON", Wide: !cluster},
		{Name: "MESSAGE", Wide: true},
	}}
	for _, r := range rows {
		force := screen.Cell{Text: "yes", Style: screen.Green}
		if !r.Loaded {
			force = screen.Cell{Text: "no", Style: screen.Red}
		}
		t.AddStyled(screen.Cell{Text: r.Name, Style: screen.Bold}, force, screen.Cell{Text: strconv.Itoa(r.Connections)}, screen.Cell{Text: strings.Join(r.Groups, ",")},
			screen.Cell{Text: r.Object}, screen.Cell{Text: r.Reason}, screen.Cell{Text: r.Message})
	}
	return t
}
