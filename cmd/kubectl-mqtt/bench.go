package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/bench"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const benchHelp = `Puts a load on a broker: publishers that send messages of one size at a rate, each to a topic of its own below
--topic, and subscribers that each receive all of them. Then it says what was sent, taken, received and lost, how long
messages took, and how much CPU that cost the broker and this program.

It is to see whether a broker and the way to it can do what they have to, and not to compare brokers: all clients are
in this one program, which is often the slowest part, and in a cluster all goes through one port-forward. It says so
where it is. Latency at a rate that cannot be held is of waiting; lower the rate until it is flat.

Who connects is a User that may publish and subscribe below --topic. ` + whose + `

Exit codes: 0 nothing was lost or refused; 1 something was, or something failed; 2 the command line is wrong.`

type benchOptions struct {
	mqttOptions
	load   bench.Load
	qos    int
	format screen.Format
}

// benchResult is what bench prints.
type benchResult struct {
	bench.Result
	Publishers  int     `json:"publishers"`
	Subscribers int     `json:"subscribers"`
	Rate        float64 `json:"rate"` // that was asked for; 0: as fast as it goes
	Size        int     `json:"size"`
	QoS         int     `json:"qos"`
	// CPU that was used meanwhile, in cores; nil: not known.
	BrokerCPU  *float64 `json:"brokerCPU,omitempty"`
	BrokerCPUs int      `json:"brokerCores,omitempty"`
	OwnCPU     float64  `json:"ownCPU"`
	OwnCPUs    int      `json:"ownCores"`
	Forwarded  bool     `json:"forwarded"` // through a port-forward
}

func newBench(s streams) *cobra.Command {
	o := benchOptions{format: screen.FormatTable}
	cmd := &cobra.Command{
		Use: "bench [BROKER]", Short: "Put a small load on a broker, and say what it does", Long: benchHelp,
		Example: "  kubectl mqtt bench edge --as alice --topic sensors/bench\n" +
			"  kubectl mqtt bench edge --as alice --topic sensors/bench --publishers 10 --subscribers 5 --rate 2000 --qos 1 -o json\n" +
			"  kubectl-mqtt bench --state-dir ./dunlin-state --topic sensors/bench --duration 5s",
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.IntVar(&o.load.Publishers, "publishers", 1, "how many clients publish, 1 to 1000")
	flags.IntVar(&o.load.Subscribers, "subscribers", 1, "how many clients receive all of it, 0 to 1000")
	flags.Float64Var(&o.load.Rate, "rate", 1000, "messages a second of all publishers together; 0: as fast as it goes")
	flags.IntVar(&o.load.Size, "size", 64, fmt.Sprintf("payload in bytes, %d at least", bench.MinSize))
	flags.IntVarP(&o.qos, "qos", "q", 0, "quality of service of publishing and subscribing: 0, 1 or 2")
	flags.DurationVarP(&o.load.Duration, "duration", "d", 10*time.Second, "how long to publish")
	flags.StringVarP(&o.load.Topic, "topic", "t", "bench", "topic below which to publish")
	formatFlag(cmd, &o.format, screen.Formats())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		broker, _, err := o.take(args, 0, 0)
		if err != nil {
			return err
		}
		if err := o.check(); err != nil {
			return err
		}
		if err := runBench(cmd.Context(), s, &o, broker); err != nil {
			return failure{err}
		}
		return nil
	}
	return cmd
}

// Limits of a load: more is for a tool that is made for it.
const (
	maxBenchClients  = 1000
	maxBenchSize     = 16 << 20
	maxBenchDuration = time.Hour
)

func (o *benchOptions) check() error {
	l := &o.load
	switch {
	case l.Publishers < 1 || l.Publishers > maxBenchClients:
		return fmt.Errorf("--publishers %d is not from 1 to %d", l.Publishers, maxBenchClients)
	case l.Subscribers < 0 || l.Subscribers > maxBenchClients:
		return fmt.Errorf("--subscribers %d is not from 0 to %d", l.Subscribers, maxBenchClients)
	case !(l.Rate >= 0 && l.Rate <= 1e9):
		return fmt.Errorf("--rate %g is not from 0 to 1000000000", l.Rate)
	case l.Size < bench.MinSize || l.Size > maxBenchSize:
		return fmt.Errorf("--size %d is not from %d to %d", l.Size, bench.MinSize, maxBenchSize)
	case l.Duration <= 0 || l.Duration > maxBenchDuration:
		return fmt.Errorf("--duration %s is not above 0 and at most %s", l.Duration, maxBenchDuration)
	case l.Topic == "" || strings.ContainsAny(l.Topic, "+#\x00") || len(l.Topic) > maxString-10:
		return fmt.Errorf("--topic %.40q is no topic to publish below", l.Topic)
	case o.clientID != "":
		return fmt.Errorf("--id is not for bench, which has a client identifier for each client")
	}
	l.QoS = byte(o.qos)
	return checkQoS(o.qos)
}

func runBench(ctx context.Context, s streams, o *benchOptions, broker string) error {
	at, err := o.place(ctx, broker)
	if err != nil {
		return err
	}
	options, d, err := o.options(ctx, at)
	if err != nil {
		return err
	}
	defer d.close()
	admin, err := at.target.Connect(ctx)
	if err != nil {
		return fmt.Errorf("reach %s: %w", at.target.Name, err)
	}
	defer admin.Close()
	name := "bench-" + strings.ToLower(rand.Text()[:8]) + "-"
	o.load.Dial = func(ctx context.Context, part string, received func(*packet.Publish)) (*mqtt.Client, error) {
		one := options
		one.Connect.ClientID, one.Received = name+part, received
		return dial(ctx, one, d)
	}
	progress := newLine(s.err)
	o.load.Progress = func(sent, received uint64) {
		progress.at(fmt.Sprintf("%s sent, %s received", screen.Count(sent), screen.Count(received)))
	}
	cost := meter(ctx, admin)
	result, err := bench.Run(ctx, o.load)
	progress.end()
	if err != nil {
		return err
	}
	all := benchResult{
		Result: *result, Publishers: o.load.Publishers, Subscribers: o.load.Subscribers, Rate: o.load.Rate, Size: o.load.Size, QoS: o.qos,
		Forwarded: at.cluster != nil,
	}
	cost(ctx, &all)
	a := newAsked(s, o.format)
	if err := a.show(all, func(bool) []string { return benchLines(a.Screen, &all) }); err != nil {
		return err
	}
	if all.Lost+all.Refused > 0 || len(all.Errors) > 0 {
		return fmt.Errorf("%s lost, %s refused", number(int64(min(all.Lost, 1<<62)), "message"), screen.Count(all.Refused))
	}
	return nil
}

// meter begins to count CPU, and what it returns says how much was used since.
func meter(ctx context.Context, admin *adminapi.Client) func(context.Context, *benchResult) {
	own, begin := cpuTime(), time.Now()
	before, failed := admin.Overview(ctx)
	return func(ctx context.Context, r *benchResult) {
		r.OwnCPU, r.OwnCPUs = float64(cpuTime()-own)/float64(time.Since(begin)), runtime.GOMAXPROCS(0)
		var now api.Overview
		if failed == nil {
			now, failed = admin.Overview(ctx)
		}
		if failed != nil || now.Instance != before.Instance {
			return
		}
		_, rates := ratesOf(&before, &now)
		r.BrokerCPU, r.BrokerCPUs = &rates.CPU, now.Cores
	}
}

func benchLines(s *screen.Screen, r *benchResult) []string {
	lines := []string{fmt.Sprintf("%s and %s, %d bytes, QoS %d, for %.1f s", count(r.Publishers, "publisher"), count(r.Subscribers, "subscriber"), r.Size, r.QoS, r.Seconds)}
	add := func(name, text string, style screen.Style) {
		lines = append(lines, "  "+s.Paint(screen.Faint, fmt.Sprintf("%-10s", name))+s.Paint(style, text))
	}
	bad := func(n uint64) screen.Style {
		if n > 0 {
			return screen.Red
		}
		return screen.Plain
	}
	asked := ""
	if r.Rate > 0 {
		asked = fmt.Sprintf(" of %s wanted", screen.Rate(r.Rate))
	}
	add("sent", fmt.Sprintf("%s, %s%s", screen.Count(r.Sent), screen.Rate(r.PerSecond), asked), screen.Plain)
	if r.QoS > 0 {
		add("taken", screen.Count(r.Taken), screen.Plain)
	}
	add("refused", screen.Count(r.Refused), bad(r.Refused))
	add("received", screen.Count(r.Received)+" of "+screen.Count(r.Expected), screen.Plain)
	add("lost", screen.Count(r.Lost), bad(r.Lost))
	if l := r.Latency; l != nil {
		add("latency", fmt.Sprintf("p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f ms", l.P50, l.P90, l.P99, l.Max), screen.Plain)
	}
	cpu := fmt.Sprintf("this program %.2f of %s", r.OwnCPU, count(r.OwnCPUs, "core"))
	if r.BrokerCPU != nil {
		cpu = fmt.Sprintf("broker %.2f of %s, %s", *r.BrokerCPU, count(r.BrokerCPUs, "core"), cpu)
	}
	add("CPU", cpu, screen.Plain)
	for _, text := range r.Errors {
		lines = append(lines, s.Paint(screen.Red, "Error: ")+screen.Clean(text))
	}
	for _, text := range benchNotes(r) {
		lines = append(lines, s.Paint(screen.Yellow, text))
	}
	return lines
}

// benchNotes say what the figures are not of.
func benchNotes(r *benchResult) []string {
	var notes []string
	const nearly = 0.9
	if r.Rate > 0 && r.PerSecond < nearly*r.Rate {
		notes = append(notes, "The rate was not held: the latency is of waiting. Try a lower --rate.")
	}
	if r.OwnCPU > nearly*float64(r.OwnCPUs) || r.BrokerCPU != nil && r.OwnCPU > 0 && r.OwnCPU+*r.BrokerCPU > nearly*float64(r.OwnCPUs) && !r.Forwarded {
		notes = append(notes, "This machine's cores were busy: the figures are of it as much as of the broker.")
	}
	if r.Forwarded {
		notes = append(notes, "It went through a port-forward of the API server, which is slower than the network within the cluster.")
	}
	return notes
}
