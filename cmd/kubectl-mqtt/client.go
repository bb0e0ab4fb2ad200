package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const clientHelp = `Shows one client of a broker: its connection, its session, what waits for it, its Will and its subscriptions.

` + whose + `
` + rights + `

` + exits

func newClient(s streams) *cobra.Command {
	var o askOptions
	cmd := &cobra.Command{
		Use: "client [BROKER] ID", Short: "Show a client of a running broker", Long: clientHelp,
		Example: "  kubectl mqtt client edge sensor-17\n" +
			"  kubectl-mqtt client --state-dir ./dunlin-state sensor-17 -o yaml",
		ValidArgsFunction: o.positions(clientIDs),
	}
	o.flags(cmd)
	cmd.RunE = o.ask(s, 1, 1, func(ctx context.Context, a *asked, args []string) error {
		c, err := a.ClientDetail(ctx, args[0])
		if err != nil {
			return unknownClient(err, args[0])
		}
		return a.show(c, func(wide bool) []string { return clientLines(a.Screen, &c, wide, time.Now()) })
	})
	return cmd
}

// unknownClient adds what to do to an error that says that there is no such client.
func unknownClient(err error, id string) error {
	var refused *adminapi.RefusedError
	if errors.As(err, &refused) && refused.Status == 404 {
		return fmt.Errorf("%w: kubectl mqtt clients --search %s lists those whose names are like it", err, screen.Quote(id))
	}
	return err
}

func clientLines(s *screen.Screen, c *api.ClientDetail, wide bool, now time.Time) []string {
	state := s.Paint(screen.Green, "connected")
	if !c.Connected {
		state = s.Paint(screen.Yellow, "away")
	}
	if at := since(c.Since, now); at != "" {
		state += " for " + at
	}
	if c.Throttled {
		state += ", " + s.Paint(screen.Red, "throttled: it publishes faster than it may")
	}
	lines := []string{s.Paint(screen.Bold, screen.Clean(c.ID)) + "   " + state}
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, "  "+s.Paint(screen.Faint, fmt.Sprintf("%-14s", name))+screen.Clean(text))
		}
	}
	user := c.User
	if user == "" {
		user = "(anonymous)"
	}
	add("user", user)
	if c.Protocol != "" {
		add("connection", fmt.Sprintf("MQTT %s from %s through %s, keep alive %d s", c.Protocol, c.Address, c.Listener, c.KeepAliveSeconds))
	}
	add("certificate", c.Certificate)
	add("session", sessionText(c, now))
	add("waiting", fmt.Sprintf("%s queued (%s), %d in flight of %d, %s not taken by its socket",
		count(c.Queued, "message"), screen.Bytes(c.QueuedBytes), c.Inflight, c.ReceiveMaximum, screen.Bytes(c.OutboxBytes)))
	if c.MaximumPacketSize > 0 {
		add("takes", "packets of at most "+screen.Bytes(c.MaximumPacketSize))
	}
	add("received", trafficText(c.Received))
	add("sent", trafficText(c.Sent))
	if w := c.Will; w != nil {
		add("will", fmt.Sprintf("%s, QoS %d%s, after %d s", w.Topic, w.QoS, retainText(w.Retain), w.DelaySeconds))
	}
	return append(lines, subscriptionLines(s, c, wide)...)
}

func sessionText(c *api.ClientDetail, now time.Time) string {
	switch {
	case c.ExpiresAt != nil:
		return "ends in " + screen.Span(c.ExpiresAt.Sub(now))
	case c.SessionExpirySeconds < 0:
		return "is kept for ever"
	case c.SessionExpirySeconds == 0:
		return "ends with the connection"
	}
	return "is kept for " + screen.Span(time.Duration(c.SessionExpirySeconds)*time.Second) + " after the connection"
}

func trafficText(t *api.ClientTraffic) string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("%s messages, %s", screen.Count(t.Messages), screen.Bytes(int64(t.Bytes)))
}

func retainText(retain bool) string {
	if retain {
		return ", retained"
	}
	return ""
}

func subscriptionLines(s *screen.Screen, c *api.ClientDetail, wide bool) []string {
	if len(c.SubscriptionList) == 0 {
		return []string{"  no subscriptions"}
	}
	t := &screen.Table{Columns: []screen.Column{
		{Name: "SUBSCRIPTION"}, {Name: "QOS", Right: true}, {Name: "OPTIONS"}, {Name: "IDENTIFIER", Wide: true, Right: true},
	}}
	for _, sub := range c.SubscriptionList {
		options := ""
		for _, o := range []struct {
			set  bool
			text string
		}{{sub.NoLocal, "no local"}, {sub.RetainAsPublished, "retain as published"}} {
			if o.set && options != "" {
				options += ", "
			}
			if o.set {
				options += o.text
			}
		}
		identifier := ""
		if sub.Identifier > 0 {
			identifier = strconv.Itoa(sub.Identifier)
		}
		t.Add(sub.Filter, strconv.Itoa(sub.QoS), options, identifier)
	}
	lines := append([]string{""}, s.Lines(t, wide, "  ")...)
	if more := c.Subscriptions - len(c.SubscriptionList); more > 0 {
		lines = append(lines, fmt.Sprintf("  and %s more", screen.Count(more)))
	}
	return lines
}
