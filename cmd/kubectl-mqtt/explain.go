package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/token"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const explainHelp = `Lists the rules that are about a user, in the order in which a broker asks them: by priority, and Deny before Allow. The
first that matches a topic decides; what none matches is up to the default policy, which is the last line. USER is the
MQTT user name; "" stands for an anonymous client. With -f it answers by the objects in files and with no broker: BROKER is
then one of those.

` + whose + `
` + rights + `

` + exits

// explanation is what may be done, by which rules, in the order in which they are asked.
type explanation struct {
	Publish       []api.Rule `json:"publish"`
	Subscribe     []api.Rule `json:"subscribe"`
	DefaultPolicy string     `json:"defaultPolicy"`
}

func newExplain(s streams) *cobra.Command {
	var o ruleOptions
	var clientID string
	cmd := &cobra.Command{
		Use: "explain [BROKER] USER", Short: "List the rules that are about a user, in the order in which they are asked", Long: explainHelp,
		Example: "  kubectl mqtt acl explain edge alice\n" +
			"  kubectl-mqtt acl explain --state-dir ./dunlin-state alice\n" +
			"  kubectl-mqtt acl explain alice -f manifests/",
		ValidArgsFunction: o.positions(userNames),
	}
	o.flags(cmd)
	cmd.Flags().StringVarP(&clientID, "id", "i", "", "client identifier, for rules that are about it")
	cmd.RunE = o.asks(s, 1, func(ctx context.Context, a *asked, rules rulebook, args []string) error {
		e, err := explain(ctx, rules, args[0], clientID)
		if err != nil {
			return err
		}
		return a.show(e, func(wide bool) []string { return explanationLines(a.Screen, &e, wide) })
	})
	return cmd
}

func explain(ctx context.Context, rules rulebook, user, clientID string) (e explanation, err error) {
	if user != "" {
		known, err := rules.User(ctx, user)
		if err != nil {
			return e, err
		}
		if known == nil && !token.Reserved(user) {
			return e, fmt.Errorf("there is no user %s, or it is suspended", screen.Quote(user))
		}
	}
	for action, into := range map[string]*[]api.Rule{"Publish": &e.Publish, "Subscribe": &e.Subscribe} {
		// The rules are the same whatever the topic.
		d, err := rules.Access(ctx, adminapi.AccessQuery{User: user, ClientID: clientID, Action: action, Topic: "topic"})
		if err != nil {
			return e, err
		}
		*into, e.DefaultPolicy = d.Considered, d.DefaultPolicy
	}
	return e, nil
}

func explanationLines(s *screen.Screen, e *explanation, wide bool) []string {
	var lines []string
	for _, part := range []struct {
		name  string
		rules []api.Rule
	}{{"Publish", e.Publish}, {"Subscribe", e.Subscribe}} {
		t := &screen.Table{Columns: []screen.Column{
			{Name: strings.ToUpper(part.name)}, {Name: "TOPICS"}, {Name: "PRIORITY", Right: true}, {Name: "RULE"}, {Name: "SUBJECTS", Wide: true},
		}}
		for _, r := range part.rules {
			t.AddStyled(effectCell(r.Effect), screen.Cell{Text: topicsText(&r, " ")}, screen.Cell{Text: strconv.Itoa(r.Priority)}, screen.Cell{Text: r.Name},
				screen.Cell{Text: strings.Join(r.Subjects, ", ")})
		}
		t.AddStyled(effectCell(e.DefaultPolicy), screen.Cell{Text: "everything else"}, screen.Cell{}, screen.Cell{Text: "default policy"}, screen.Cell{})
		if lines != nil {
			lines = append(lines, "")
		}
		lines = append(lines, s.Lines(t, wide, "")...)
	}
	return lines
}

// effectCell is an Allow or a Deny.
func effectCell(effect string) screen.Cell {
	if effect == "Deny" {
		return screen.Cell{Text: effect, Style: screen.Red}
	}
	return screen.Cell{Text: effect, Style: screen.Green}
}
