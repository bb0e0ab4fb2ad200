package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const canIHelp = `Asks a running broker whether a user may publish to a topic or subscribe to a filter, by the rules that are in force
now and the matcher that decides for live clients, and which rule decides. USER is the MQTT user name; "" stands
for an anonymous client. With -f it answers by the objects in files, by the same matcher and with no broker: BROKER is then
one of those.

` + whose + `
` + rights + `

Exit codes: 0 allowed; 1 denied, or something failed; 2 the command line is wrong.`

func newCanI(s streams) *cobra.Command {
	var o ruleOptions
	var clientID string
	cmd := &cobra.Command{
		Use: "can-i [BROKER] USER publish|subscribe TOPIC", Short: "Ask whether a user may publish or subscribe, and by which rule", Long: canIHelp,
		Example: "  kubectl mqtt can-i edge alice publish sensors/1\n" +
			"  kubectl mqtt can-i edge alice subscribe 'sensors/#' -o wide\n" +
			"  kubectl-mqtt can-i --state-dir ./dunlin-state alice publish sensors/1\n" +
			"  kubectl-mqtt can-i alice publish sensors/1 -f manifests/",
		ValidArgsFunction: o.positions(userNames, fixed("publish", "subscribe"), topicNames),
	}
	o.flags(cmd)
	cmd.Flags().StringVarP(&clientID, "id", "i", "", "client identifier, for rules that are about it")
	work := o.asks(s, 3, func(ctx context.Context, a *asked, rules rulebook, args []string) error {
		action, err := actionOf(args[1])
		if err != nil {
			return err
		}
		d, err := rules.Access(ctx, adminapi.AccessQuery{User: args[0], ClientID: clientID, Action: action, Topic: args[2]})
		if err != nil {
			return err
		}
		if err := a.show(d, func(wide bool) []string { return decisionLines(a.Screen, &d, wide) }); err != nil {
			return err
		}
		if !d.Allowed {
			return errSaid
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		_, rest, err := o.take(args, 3, 3)
		if err != nil {
			return err
		}
		if _, err := actionOf(rest[1]); err != nil { // before anybody is asked
			return err
		}
		return work(cmd, args)
	}
	return cmd
}

// actionOf is what the API calls an action.
func actionOf(word string) (string, error) {
	switch strings.ToLower(word) {
	case "publish", "pub":
		return "Publish", nil
	case "subscribe", "sub":
		return "Subscribe", nil
	}
	return "", fmt.Errorf("%q is neither publish nor subscribe", word)
}

func decisionLines(s *screen.Screen, d *api.Decision, wide bool) []string {
	verdict := s.Paint(screen.Green, "yes")
	if !d.Allowed {
		verdict = s.Paint(screen.Red, "no")
	}
	lines := []string{verdict + ": " + screen.Clean(d.Reason)}
	if d.Rule != nil {
		lines = append(lines, "  "+screen.Clean(ruleText(d.Rule)))
	}
	if !wide && d.Rule != nil || len(d.Considered) == 0 { // of a no by no rule it shows what there is
		return lines
	}
	lines = append(lines, "", "Rules about this user and action, as they are asked:")
	for i := range d.Considered {
		lines = append(lines, "  "+screen.Clean(ruleText(&d.Considered[i])))
	}
	return lines
}

// ruleText is a rule in a line.
func ruleText(r *api.Rule) string {
	return fmt.Sprintf("%s: %s %s to %s on %s (priority %d)", r.Name, r.Effect, strings.Join(r.Actions, ", "), strings.Join(r.Subjects, ", "), topicsText(r, ", "), r.Priority)
}

// topicsText is the topics of a rule, and what those with variables are for who was asked about.
func topicsText(r *api.Rule, separator string) string {
	text := strings.Join(r.Topics, separator)
	if len(r.Expanded) > 0 {
		text += " (here " + strings.Join(r.Expanded, separator) + ")"
	}
	return text
}
