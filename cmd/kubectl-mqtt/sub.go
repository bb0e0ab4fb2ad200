package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const subHelp = `Subscribes to topic filters, as an MQTT 5 client, and prints the messages that come, until Ctrl-C, --count
messages, or --timeout. A subscription that the broker refuses is an error that says why.

Formats: table is topic and payload; wide has time, QoS and properties too; payload is the payload alone; hex is it in
hexadecimal; json is one object a line; yaml is one document a message. On a terminal, control characters in
topics and payloads are shown and not obeyed.

Who subscribes is a User, whose password it takes from the User's Secret or the state folder; --as may be left
out where there is only one. BROKER is left out with --state-dir.

In a cluster it goes through a port-forward to the broker's pod: you need to be allowed to get Broker and User
objects and their Secrets, to list pods, and to create pods/portforward.

Exit codes: 0 --count messages came, or --timeout or Ctrl-C ended it where no --count was given; 1 fewer came, or
something failed; 2 the command line is wrong.`

type subOptions struct {
	mqttOptions
	qos               int
	count             int
	timeout           time.Duration
	noRetained        bool
	retainAsPublished bool
	noLocal           bool
	format            oneOf
}

func newSub(s streams) *cobra.Command {
	o := subOptions{format: oneOf{value: "table", of: []string{"table", "wide", "payload", "hex", "json", "yaml"}}}
	cmd := &cobra.Command{
		Use: "sub BROKER FILTER...", Short: "Subscribe to topics of a broker as one of its users", Long: subHelp,
		Example: "  kubectl mqtt sub edge 'sensors/#' --as alice\n" +
			"  kubectl mqtt sub edge 'sensors/+/temperature' alarms -o wide --qos 1\n" +
			"  kubectl mqtt sub edge sensors/1 --count 1 --timeout 10s -o payload\n" +
			"  kubectl-mqtt sub --state-dir ./dunlin-state 'sensors/#' -o json | jq .payload",
	}
	cmd.ValidArgsFunction = o.positions(topicNames)
	o.flags(cmd)
	flags := cmd.Flags()
	flags.IntVarP(&o.qos, "qos", "q", 0, "highest quality of service to receive: 0, 1 or 2")
	flags.IntVarP(&o.count, "count", "c", 0, "end after so many messages (default never)")
	flags.DurationVarP(&o.timeout, "timeout", "W", 0, "end after this time (default never)")
	flags.BoolVarP(&o.noRetained, "no-retained", "R", false, "do not show the retained messages that there are already")
	flags.BoolVar(&o.retainAsPublished, "retain-as-published", false, "show RETAIN as the publisher set it")
	flags.BoolVar(&o.noLocal, "no-local", false, "do not receive what this client publishes itself")
	formatFlag(cmd, &o.format, o.format.of)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		broker, filters, err := o.take(args, 1, anyNumber)
		if err != nil {
			return err
		}
		subscribe, err := o.subscribe(filters)
		if err != nil {
			return err
		}
		if err := sub(cmd.Context(), s, &o, broker, subscribe); err != nil {
			return failure{err}
		}
		return nil
	}
	return cmd
}

// maxFilters bounds one SUBSCRIBE.
const maxFilters = 100

// subscribe is the SUBSCRIBE.
func (o *subOptions) subscribe(filters []string) (packet.Subscribe, error) {
	var s packet.Subscribe
	if err := checkQoS(o.qos); err != nil {
		return s, err
	}
	if o.count < 0 || o.timeout < 0 {
		return s, fmt.Errorf("--count %d --timeout %s: neither can be negative", o.count, o.timeout)
	}
	if len(filters) > maxFilters {
		return s, fmt.Errorf("there are %d filters: at most %d can be given", len(filters), maxFilters)
	}
	for _, filter := range filters {
		if filter == "" || len(filter) > maxString {
			return s, fmt.Errorf("a FILTER has %d bytes: MQTT can carry 1 to %d", len(filter), maxString)
		}
		f := packet.Filter{Filter: filter, QoS: byte(o.qos), NoLocal: o.noLocal, RetainAsPublished: o.retainAsPublished}
		if o.noRetained {
			f.RetainHandling = 2
		}
		s.Filters = append(s.Filters, f)
	}
	return s, nil
}

var errEnough = errors.New("enough messages have come")

func sub(ctx context.Context, s streams, o *subOptions, broker string, subscribe packet.Subscribe) error {
	at, err := o.place(ctx, broker)
	if err != nil {
		return err
	}
	options, d, err := o.options(ctx, at)
	if err != nil {
		return err
	}
	defer d.close()
	printing, end := context.WithCancelCause(ctx) // it may end before SUBACK comes
	defer end(nil)
	p := &printer{Screen: screen.New(s.out, os.Getenv), format: o.format.value, most: o.count, end: end}
	options.Received = p.received
	c, err := dial(ctx, options, d)
	if err != nil {
		return err
	}
	defer c.Close()
	reasons, text, err := c.Subscribe(ctx, subscribe)
	if err != nil {
		return err
	}
	if err := refusedFilters(subscribe, reasons, text, options.Connect.Username); err != nil {
		return err
	}
	return p.wait(printing, o.timeout, c.Done(), c.Err)
}

// refusedFilters says which subscriptions the broker does not make.
func refusedFilters(s packet.Subscribe, reasons []packet.ReasonCode, text, user string) error {
	var all []error
	for i, reason := range reasons {
		if !reason.Failed() {
			continue
		}
		said := reason.String()
		if text != "" {
			said += ": " + text
		}
		err := fmt.Errorf("subscribe to %s: refused with reason 0x%02X, %s", s.Filters[i].Filter, byte(reason), said)
		if reason == packet.NotAuthorized && user != "" {
			err = fmt.Errorf("%w: kubectl mqtt can-i %s subscribe %s says which rule decides", err, screen.Quote(user), screen.Quote(s.Filters[i].Filter))
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// wait returns when enough has come, or there is no more time, or the connection ends.
func (p *printer) wait(ctx context.Context, timeout time.Duration, ended <-chan struct{}, why func() error) error {
	var late <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-ctx.Done():
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, errEnough):
			return nil
		case !errors.Is(cause, context.Canceled): // it cannot be printed
			return cause
		}
	case <-late:
	case <-ended:
		return fmt.Errorf("the connection ended: %w", why())
	}
	if p.most > 0 {
		return fmt.Errorf("%d of %s came", p.count.Load(), count(p.most, "message"))
	}
	return nil
}
