package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/health"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const statusHelp = `Shows on one screen how a broker is: its listeners and certificates, clients, messages, store, and in a cluster
whether its users and ACLs are applied and how its pods are. Then what is wrong, the worst first, and what to
do about it.

` + whose + `
` + rights + ` Without them
it shows what the objects say. It reads Broker, User and ACL objects and pods.

Exit codes: 0 the broker is well, warnings aside; 1 it is not, or could not be looked at; 2 the command line is wrong.`

func newStatus(s streams) *cobra.Command {
	var o askOptions
	cmd := &cobra.Command{
		Use: "status [BROKER]", Short: "Show how a broker is, what is wrong, and what to do", Long: statusHelp,
		Example: "  kubectl mqtt status edge -n plant\n" +
			"  kubectl mqtt status edge -o json\n" +
			"  kubectl-mqtt status --state-dir ./dunlin-state",
	}
	o.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		broker, _, err := o.take(args, 0, 0)
		if err != nil {
			return err
		}
		p, err := o.place(cmd.Context(), broker)
		if err != nil {
			return failure{err}
		}
		facts, err := gather(cmd.Context(), p)
		if err != nil {
			return failure{err}
		}
		report := health.Assess(facts)
		a := newAsked(s, o.format)
		if err := a.show(report, func(wide bool) []string { return statusLines(a.Screen, &report, wide) }); err != nil {
			return failure{err}
		}
		if !report.Well {
			return failure{errSaid}
		}
		return nil
	}
	return cmd
}

// gather asks for all that a report is made of. The error is that there is nothing to report on.
func gather(ctx context.Context, p place) (health.Facts, error) {
	f := health.Facts{Name: p.target.Name, Now: time.Now()}
	if p.cluster != nil {
		if err := gatherObjects(ctx, p, &f); err != nil {
			return f, err
		}
	}
	overview, err := func() (api.Overview, error) {
		c, err := p.target.Connect(ctx)
		if err != nil {
			return api.Overview{}, err
		}
		defer c.Close()
		return c.Overview(ctx)
	}()
	if err == nil {
		f.Overview = &overview
	} else if f.Broker == nil || f.Broker.Spec.Replicas == nil || *f.Broker.Spec.Replicas > 0 { // one that is stopped need not answer
		f.Unreachable = err
	}
	return f, nil
}

func gatherObjects(ctx context.Context, p place, f *health.Facts) (err error) {
	if f.Broker, err = p.cluster.Broker(ctx, p.broker); err != nil {
		return err
	}
	note := func(text string, err error) {
		if err != nil {
			text = err.Error()
		}
		if text != "" {
			f.Partial = append(f.Partial, text)
		}
	}
	var partial string
	f.Users, partial, err = p.cluster.Users(ctx, f.Broker)
	note(partial, err)
	f.ACLs, partial, err = p.cluster.ACLs(ctx, f.Broker)
	note(partial, err)
	f.Pods, err = p.cluster.Pods(ctx, f.Broker)
	note("", err)
	return nil
}

func statusLines(s *screen.Screen, r *health.Report, wide bool) []string {
	verdict := s.Paint(screen.Green, "is well")
	if !r.Well {
		verdict = s.Paint(screen.Red, "is not well")
	} else if len(r.Problems) > 0 {
		verdict = s.Paint(screen.Yellow, "is well, with warnings")
	}
	lines := []string{s.Paint(screen.Bold, sentence(r.Broker)) + " " + verdict}
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, "  "+s.Paint(screen.Faint, fmt.Sprintf("%-10s", name))+text)
		}
	}
	if r.Overview != nil {
		overviewLines(r.Overview, add)
	}
	if r.Users != nil {
		add("applied", fmt.Sprintf("%d of %s, %d of %s", r.Users.Applied, count(r.Users.Total, "User"), r.ACLs.Applied, count(r.ACLs.Total, "ACL")))
	}
	if r.Overview != nil && len(r.Overview.Listeners) > 0 {
		lines = append(append(lines, ""), s.Lines(listenerTable(r.Overview.Listeners, r.Time), wide, "  ")...)
	}
	if len(r.Pods) > 0 {
		lines = append(append(lines, ""), s.Lines(podTable(r.Pods, r.Time), wide, "  ")...)
	}
	for _, text := range r.Partial {
		lines = append(lines, "", s.Paint(screen.Faint, "Not all of it: "+screen.Clean(text)))
	}
	return append(lines, problemLines(s, r.Problems)...)
}

// sentence begins with a capital.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// overviewLines are the figures of a broker that answers.
func overviewLines(o *api.Overview, add func(name, text string)) {
	add("broker", fmt.Sprintf("%s, up %s", screen.Clean(o.Version), screen.Span(time.Duration(o.UptimeSeconds)*time.Second)))
	add("clients", fmt.Sprintf("%s connected, %s, %s", screen.Count(o.Connections), number(o.Sessions, "session"), number(o.Subscriptions, "subscription")))
	add("messages", fmt.Sprintf("%s in, %s out, %s retained, %s queued (%s)", screen.Count(o.Received.Messages), screen.Count(o.Sent.Messages),
		screen.Count(o.Retained), screen.Count(o.QueuedMessages), screen.Bytes(o.QueuedBytes)))
	add("dropped", reasons(o.Dropped))
	refused := maps.Clone(o.Refused)
	if refused == nil {
		refused = map[string]uint64{}
	}
	refused["failed authentication"], refused["denied by access rules"] = o.FailedAuthentications, o.Denied
	add("refused", reasons(refused))
	memory := screen.Bytes(o.MemoryBytes)
	if o.MemoryLimitBytes > 0 {
		memory += " of " + screen.Bytes(o.MemoryLimitBytes)
	}
	cpu := 0.0
	if o.UptimeSeconds > 0 {
		cpu = o.CPUSeconds / float64(o.UptimeSeconds)
	}
	add("process", fmt.Sprintf("%s of memory, %.2f of %s busy on average", memory, cpu, count(o.Cores, "core")))
	add("store", storeText(o.Store))
}

func storeText(s *api.Store) string {
	if s == nil {
		return "none: all is kept in memory only"
	}
	text := screen.Bytes(int64(s.DiskBytes)) + " on disk"
	if !s.Healthy {
		text = "cannot store, " + text
	}
	if s.Syncs > 0 {
		text += fmt.Sprintf(", a sync takes %.1f ms on average", 1000*s.SyncSeconds/float64(s.Syncs))
	}
	return text
}

// reasons are the counts that are not 0, the largest first; "" if there are none.
func reasons(counts map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return int(min(counts[b], 1<<62)) - int(min(counts[a], 1<<62))
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, name := range names {
		if counts[name] > 0 {
			parts = append(parts, screen.Count(counts[name])+" "+screen.Clean(strings.ReplaceAll(name, "_", " ")))
		}
	}
	return strings.Join(parts, ", ")
}

func number(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return screen.Count(n) + " " + what + "s"
}

func listenerTable(listeners []api.Listener, now time.Time) *screen.Table {
	t := &screen.Table{Columns: []screen.Column{
		{Name: "LISTENER"}, {Name: "PROTOCOL"}, {Name: "ADDRESS"}, {Name: "PATH", Wide: true}, {Name: "CONNECTIONS", Right: true}, {Name: "CERTIFICATE"},
	}}
	for _, l := range listeners {
		t.AddStyled(screen.Cell{Text: l.Name}, screen.Cell{Text: l.Protocol}, screen.Cell{Text: l.Address}, screen.Cell{Text: l.Path},
			screen.Cell{Text: screen.Count(l.Connections)}, expiryCell(l.CertificateExpires, now))
	}
	return t
}

// expiryCell says when a certificate ends, and how much that hurts.
func expiryCell(end *time.Time, now time.Time) screen.Cell {
	if end == nil {
		return screen.Cell{}
	}
	date := end.UTC().Format(time.DateOnly)
	left := end.Sub(now)
	switch {
	case left <= 0:
		return screen.Cell{Text: "expired on " + date, Style: screen.Red}
	case left < 14*24*time.Hour:
		return screen.Cell{Text: "expires in " + screen.Span(left) + ", on " + date, Style: screen.Yellow}
	}
	return screen.Cell{Text: "until " + date, Style: screen.Green}
}

func podTable(pods []health.Pod, now time.Time) *screen.Table {
	t := &screen.Table{Columns: []screen.Column{
		{Name: "POD"}, {Name: "STATE"}, {Name: "READY"}, {Name: "RESTARTS", Right: true}, {Name: "AGE", Right: true}, {Name: "NODE", Wide: true},
	}}
	for _, p := range pods {
		ready := screen.Cell{Text: "yes", Style: screen.Green}
		if !p.Ready {
			ready = screen.Cell{Text: "no", Style: screen.Red}
		}
		t.AddStyled(screen.Cell{Text: p.Name}, screen.Cell{Text: p.Phase}, ready, screen.Cell{Text: strconv.Itoa(int(p.Restarts))},
			screen.Cell{Text: screen.Span(now.Sub(p.Since))}, screen.Cell{Text: p.Node})
	}
	return t
}

func problemLines(s *screen.Screen, problems []api.Problem) []string {
	if len(problems) == 0 {
		return nil
	}
	lines := []string{""}
	for _, p := range problems {
		style := screen.Yellow
		if p.Severity == health.Error {
			style = screen.Red
		}
		lines = append(lines, s.Paint(style, p.Severity+" "+p.Reason+": ")+screen.Clean(p.Message))
		if p.Remedy != "" {
			lines = append(lines, "  "+s.Paint(screen.Faint, "-> ")+screen.Clean(p.Remedy))
		}
	}
	return lines
}
