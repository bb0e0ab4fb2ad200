package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const traceHelp = `Shows the packets of a broker's clients as they come and go, decoded, until Ctrl-C, --count packets, or --for.
--client, --user and --topic (a filter) narrow it, and all that are given must fit; with --topic only packets that
have a topic do. > is from the client, < is to it.

A trace costs the broker something as long as it runs. Where it is too much for the connection, packets are left
out, and the line says how many. Payloads are shown, their first 1024 bytes, only with --payload.

` + whose + `
` + rights + `

Exit codes: 0 ended by Ctrl-C, --count or --for; 1 something failed; 2 the command line is wrong.`

type traceOptions struct {
	askOptions
	query adminapi.TraceQuery
	count int
	limit time.Duration
}

func newTrace(s streams) *cobra.Command {
	var o traceOptions
	cmd := &cobra.Command{
		Use: "trace [BROKER]", Short: "Show the packets of clients as they come and go", Long: traceHelp,
		Example: "  kubectl mqtt trace edge --client sensor-17\n" +
			"  kubectl mqtt trace edge --topic 'sensors/#' --payload\n" +
			"  kubectl mqtt trace edge --user alice -o json --count 100 | jq .packet\n" +
			"  kubectl-mqtt trace --state-dir ./dunlin-state --for 10s",
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.query.Client, "client", "", "only of the client with this identifier")
	flags.StringVar(&o.query.User, "user", "", "only of this user's clients")
	flags.StringVar(&o.query.Topic, "topic", "", "only packets with a topic that this filter matches")
	flags.BoolVar(&o.query.Payload, "payload", false, "show the beginning of payloads")
	flags.IntVarP(&o.count, "count", "c", 0, "end after so many packets (default never)")
	flags.DurationVar(&o.limit, "for", 0, "end after this time (default never)")
	o.completeFlag(cmd, "client", clientIDs)
	o.completeFlag(cmd, "user", userNames)
	o.completeFlag(cmd, "topic", topicNames)
	work := o.ask(s, 0, 0, func(ctx context.Context, a *asked, _ []string) error { return trace(ctx, a, &o) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.count < 0 || o.limit < 0 {
			return fmt.Errorf("--count %d --for %s: neither can be negative", o.count, o.limit)
		}
		return work(cmd, args)
	}
	return cmd
}

func trace(ctx context.Context, a *asked, o *traceOptions) error {
	if o.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.limit)
		defer cancel()
	}
	if a.err.Terminal {
		a.note("Tracing %s. Ctrl-C ends it.", a.target.Name)
	}
	n := 0
	err := a.Trace(ctx, o.query, func(e api.Event) error {
		text, err := eventText(a.Screen, a.format, &e)
		if err == nil {
			_, err = a.Out.Write(text)
		}
		if n++; err == nil && n == o.count {
			err = errEnough
		}
		return err
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func eventText(s *screen.Screen, format screen.Format, e *api.Event) ([]byte, error) {
	switch format {
	case screen.FormatJSON:
		text, err := json.Marshal(e)
		return append(text, '\n'), err
	case screen.FormatYAML:
		text, err := yaml.Marshal(e)
		return append([]byte("---\n"), text...), err
	}
	return []byte(eventLine(s, e, format == screen.FormatWide) + "\n"), nil
}

// eventLine is a packet in one line.
func eventLine(s *screen.Screen, e *api.Event, wide bool) string {
	var b strings.Builder
	if e.Missed > 0 {
		b.WriteString(s.Paint(screen.Red, fmt.Sprintf("... %s were left out: the trace was too slow\n", number(int64(min(e.Missed, 1<<62)), "packet"))))
	}
	layout := "15:04:05.000"
	if wide {
		layout = "2006-01-02T15:04:05.000Z07:00"
	}
	b.WriteString(s.Paint(screen.Faint, e.Time.Local().Format(layout)) + " ")
	direction, style := ">", screen.Cyan
	if e.Direction == "Out" {
		direction, style = "<", screen.Green
	}
	b.WriteString(s.Paint(screen.Bold, screen.Clean(e.Client)) + " " + direction + " " + s.Paint(style, e.Packet))
	word := func(text string) { b.WriteString(" " + text) }
	if e.Topic != "" {
		word(s.Paint(screen.Blue, screen.Clean(e.Topic)))
	}
	for _, f := range e.Filters {
		word(s.Paint(screen.Blue, screen.Clean(f)))
	}
	if e.Packet == "PUBLISH" {
		word(fmt.Sprintf("QoS %d", e.QoS))
	}
	if e.PacketID > 0 {
		word(fmt.Sprintf("id %d", e.PacketID))
	}
	for _, flag := range []struct {
		set  bool
		name string
	}{{e.Retain, "retain"}, {e.Dup, "dup"}} {
		if flag.set {
			word(flag.name)
		}
	}
	if e.Reason != "" {
		word(s.Paint(reasonStyle(e.Reason), screen.Clean(e.Reason)))
	}
	if e.ReasonString != "" {
		word("(" + screen.Clean(e.ReasonString) + ")")
	}
	if wide {
		word(fmt.Sprintf("%d bytes", e.Size))
		if e.User != "" {
			word("user " + screen.Clean(e.User))
		}
	}
	if len(e.Payload) > 0 {
		word(s.Paint(screen.Faint, "|") + " " + screen.Clean(string(e.Payload)))
	}
	return b.String()
}

// reasonStyle is red for what is no success.
func reasonStyle(reason string) screen.Style {
	for _, good := range []string{"Success", "Granted QoS", "Normal disconnection", "No matching subscribers", "Continue authentication", "No subscription existed"} {
		if strings.HasPrefix(strings.ToLower(reason), strings.ToLower(good)) {
			return screen.Plain
		}
	}
	return screen.Red
}
