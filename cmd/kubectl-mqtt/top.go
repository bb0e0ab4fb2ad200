package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const topHelp = `Shows a broker live: what comes and goes a second, its memory and CPU, the clients with the longest queues and then
the busiest with their messages a second from them (IN) and to them (OUT), and what is wrong, drawn anew until Ctrl-C.
Where nobody looks (no terminal, or --once) it is printed once.

The clients are chosen from the first 1000 that fit --search.

` + whose + `
` + rights + `

` + exits

type topOptions struct {
	askOptions
	interval time.Duration
	once     bool
	search   string
}

func newTop(s streams) *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use: "top [BROKER]", Short: "Show a broker live: rates, memory, the slowest clients", Long: topHelp,
		Example: "  kubectl mqtt top edge\n" +
			"  kubectl-mqtt top --state-dir ./dunlin-state --interval 1s",
	}
	o.flags(cmd)
	cmd.Flags().DurationVar(&o.interval, "interval", 2*time.Second, "time between two looks, over which rates are")
	cmd.Flags().BoolVar(&o.once, "once", false, "print it once, also on a terminal")
	cmd.Flags().StringVar(&o.search, "search", "", "only clients with this in their identifier, user name or address")
	work := o.ask(s, 0, 0, func(ctx context.Context, a *asked, _ []string) error { return top(ctx, a, &o) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.interval < minInterval {
			return fmt.Errorf("--interval %s is under %s", o.interval, minInterval)
		}
		return work(cmd, args)
	}
	return cmd
}

// view is one look at a broker, and the rates since the one before.
type view struct {
	Overview api.Overview `json:"overview"`
	// Rates are a second, over Seconds.
	Seconds float64     `json:"seconds"`
	Rates   rates       `json:"rates"`
	Clients []topClient `json:"clients"` // those with the longest queues, and then the busiest
}

// topClient is a client, and how many messages went from it and to it a second; nil: not known, since it was not there before.
type topClient struct {
	api.Client
	ReceivedPerSecond *float64 `json:"receivedPerSecond,omitempty"`
	SentPerSecond     *float64 `json:"sentPerSecond,omitempty"`
}

// busy is how many messages went both ways a second.
func (c *topClient) busy() (perSecond float64) {
	for _, n := range []*float64{c.ReceivedPerSecond, c.SentPerSecond} {
		if n != nil {
			perSecond += *n
		}
	}
	return perSecond
}

// rates are numbers a second; CPU is in cores.
type rates struct {
	MessagesReceived float64 `json:"messagesReceived"`
	MessagesSent     float64 `json:"messagesSent"`
	BytesReceived    float64 `json:"bytesReceived"`
	BytesSent        float64 `json:"bytesSent"`
	Dropped          float64 `json:"dropped"`
	Denied           float64 `json:"denied"`
	Refused          float64 `json:"refused"`
	CPU              float64 `json:"cpu"`
	Syncs            float64 `json:"syncs"`
}

func top(ctx context.Context, a *asked, o *topOptions) error {
	before, err := a.firstLook(ctx, o.search)
	if err != nil {
		return err
	}
	look := func() (view, error) { return a.look(ctx, before, o.search) }
	if err := wait(ctx, o.interval); err != nil {
		return unlessCancelled(err)
	}
	if a.Terminal && !o.once && !a.format.ForPrograms() {
		return a.Live(ctx, o.interval, func(height int) ([]string, error) {
			v, err := look()
			if err != nil {
				return nil, err
			}
			lines := a.topLines(&v, time.Now())
			return lines[:min(len(lines), height)], nil
		})
	}
	v, err := look()
	if err != nil {
		return err
	}
	return a.show(v, func(bool) []string { return a.topLines(&v, time.Now()) })
}

func unlessCancelled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// seen is what the look before has seen.
type seen struct {
	overview api.Overview
	clients  map[string]api.Client
}

func (a *asked) firstLook(ctx context.Context, search string) (*seen, error) {
	s := new(seen)
	_, err := a.look(ctx, s, search)
	return s, err
}

// look looks, and compares with what was seen before, in the place of which it puts what it sees.
func (a *asked) look(ctx context.Context, before *seen, search string) (view, error) {
	now, err := a.Overview(ctx)
	if err != nil {
		return view{}, err
	}
	page, err := a.Clients(ctx, adminapi.ClientQuery{Search: search}, "", adminapi.MaxPage)
	if err != nil {
		return view{}, err
	}
	v := view{Overview: now}
	v.Seconds, v.Rates = ratesOf(&before.overview, &now)
	v.Clients = busiest(before.clients, page.Items, v.Seconds)
	*before = seen{now, make(map[string]api.Client, len(page.Items))}
	for _, c := range page.Items {
		before.clients[c.ID] = c
	}
	return v, nil
}

// maxShown is how many clients are shown.
const maxShown = 50

// busiest are the clients with the longest queues, and then those with the most messages a second.
func busiest(before map[string]api.Client, now []api.Client, seconds float64) []topClient {
	all := make([]topClient, 0, len(now))
	for _, c := range now {
		t := topClient{Client: c}
		if was, known := before[c.ID]; known && seconds > 0 && was.Since != nil && c.Since != nil && was.Since.Equal(*c.Since) {
			t.ReceivedPerSecond, t.SentPerSecond = perSecond(was.Received, c.Received, seconds), perSecond(was.Sent, c.Sent, seconds)
		}
		all = append(all, t)
	}
	slices.SortStableFunc(all, func(x, y topClient) int {
		return cmp.Or(cmp.Compare(y.Queued, x.Queued), cmp.Compare(y.Inflight, x.Inflight), cmp.Compare(y.busy(), x.busy()))
	})
	return all[:min(len(all), maxShown)]
}

// perSecond is how many messages went one way over one connection; nil: there is none.
func perSecond(before, now *api.ClientTraffic, seconds float64) *float64 {
	if before == nil || now == nil {
		return nil
	}
	return new(float64(now.Messages-min(before.Messages, now.Messages)) / seconds)
}

// ratesOf are what has changed a second. Counters of a broker that has started anew begin at 0.
func ratesOf(before, now *api.Overview) (seconds float64, r rates) {
	if before.Instance != now.Instance {
		before = &api.Overview{Time: now.Time.Add(-time.Duration(now.UptimeSeconds) * time.Second)}
	}
	seconds = now.Time.Sub(before.Time).Seconds()
	if seconds <= 0 {
		return 0, r
	}
	per := func(a, b uint64) float64 { return float64(b-min(a, b)) / seconds }
	r = rates{
		MessagesReceived: per(before.Received.Messages, now.Received.Messages), MessagesSent: per(before.Sent.Messages, now.Sent.Messages),
		BytesReceived: per(before.Received.Bytes, now.Received.Bytes), BytesSent: per(before.Sent.Bytes, now.Sent.Bytes),
		Dropped: per(sum(before.Dropped), sum(now.Dropped)), Refused: per(sum(before.Refused), sum(now.Refused)),
		Denied: per(before.Denied, now.Denied), CPU: max(0, (now.CPUSeconds-before.CPUSeconds)/seconds),
	}
	if before.Store != nil && now.Store != nil {
		r.Syncs = per(before.Store.Syncs, now.Store.Syncs)
	}
	return seconds, r
}

func sum(counts map[string]uint64) (all uint64) {
	for n := range maps.Values(counts) {
		all += n
	}
	return all
}

func (a *asked) topLines(v *view, now time.Time) []string {
	o, r := &v.Overview, &v.Rates
	lines := []string{fmt.Sprintf("%s   %s   up %s   %s", a.Paint(screen.Bold, sentence(a.target.Name)), screen.Clean(o.Version),
		screen.Span(time.Duration(o.UptimeSeconds)*time.Second), now.Format("15:04:05"))}
	figure := func(name string, text string, alarm bool) {
		style := screen.Plain
		if alarm {
			style = screen.Yellow
		}
		lines = append(lines, "  "+a.Paint(screen.Faint, fmt.Sprintf("%-10s", name))+a.Paint(style, text))
	}
	memory := screen.Bytes(o.MemoryBytes)
	if o.MemoryLimitBytes > 0 {
		memory += " of " + screen.Bytes(o.MemoryLimitBytes)
	}
	figure("in", fmt.Sprintf("%10s messages  %10s/s", screen.Rate(r.MessagesReceived), screen.Bytes(int64(r.BytesReceived))), false)
	figure("out", fmt.Sprintf("%10s messages  %10s/s", screen.Rate(r.MessagesSent), screen.Bytes(int64(r.BytesSent))), false)
	figure("lost", fmt.Sprintf("%10s dropped   %10s denied   %s refused", screen.Rate(r.Dropped), screen.Rate(r.Denied), screen.Rate(r.Refused)),
		r.Dropped+r.Denied+r.Refused > 0)
	figure("clients", fmt.Sprintf("%10s connected, %s, %s", screen.Count(o.Connections), number(o.Sessions, "session"), number(o.Subscriptions, "subscription")), false)
	figure("waiting", fmt.Sprintf("%10s queued (%s), %s retained", screen.Count(o.QueuedMessages), screen.Bytes(o.QueuedBytes), screen.Count(o.Retained)), false)
	figure("process", fmt.Sprintf("%10.2f of %s, %s of memory", r.CPU, count(o.Cores, "core"), memory), false)
	if o.Store != nil {
		figure("store", fmt.Sprintf("%10s syncs, %s on disk", screen.Rate(r.Syncs), screen.Bytes(int64(o.Store.DiskBytes))), !o.Store.Healthy)
	}
	lines = append(lines, problemLines(a.Screen, o.Problems)...)
	if len(v.Clients) == 0 {
		return append(lines, "", "No clients.")
	}
	t := &screen.Table{Columns: []screen.Column{
		{Name: "CLIENT"}, {Name: "USER"}, {Name: "STATE"}, {Name: "IN", Right: true}, {Name: "OUT", Right: true}, {Name: "QUEUED", Right: true}, {Name: "IN FLIGHT", Right: true}, {Name: "SUBS", Right: true}, {Name: "ADDRESS"},
	}}
	for _, c := range v.Clients {
		state := screen.Cell{Text: "connected", Style: screen.Green}
		if !c.Connected {
			state = screen.Cell{Text: "away", Style: screen.Yellow}
		}
		t.AddStyled(screen.Cell{Text: c.ID, Style: screen.Bold}, screen.Cell{Text: c.User}, state, rateCell(c.ReceivedPerSecond), rateCell(c.SentPerSecond), screen.Cell{Text: screen.Count(c.Queued)},
			screen.Cell{Text: screen.Count(c.Inflight)}, screen.Cell{Text: strconv.Itoa(c.Subscriptions)}, screen.Cell{Text: c.Address})
	}
	return append(append(lines, ""), a.Lines(t, false, "  ")...)
}

func rateCell(perSecond *float64) screen.Cell {
	if perSecond == nil {
		return screen.Cell{Text: "-", Style: screen.Faint}
	}
	return screen.Cell{Text: screen.Rate(*perSecond)}
}
