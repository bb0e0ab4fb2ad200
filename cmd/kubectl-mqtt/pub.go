package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const pubHelp = `Publishes to a topic, as an MQTT 5 client: a message given with -m, a file, or what comes on stdin, whole or
line by line. It says what the broker answers, with the reason where it refuses.

Who publishes is a User, whose password it takes from the User's Secret or the state folder; --as may be left
out where there is only one. ` + whose + `

In a cluster it goes through a port-forward to the broker's pod: you need to be allowed to get Broker and User
objects and their Secrets, to list pods, and to create pods/portforward.

Exit codes: 0 the broker has taken everything; 1 it has not, or something failed; 2 the command line is wrong.`

// maxPayload bounds what is read of a file or stdin: what MQTT can carry, in bytes.
const maxPayload = packet.MaxSize

type pubOptions struct {
	mqttOptions
	messageOptions
	payload  string
	file     string
	lines    bool
	count    int
	interval time.Duration
	quiet    bool
}

func newPub(s streams) *cobra.Command {
	var o pubOptions
	cmd := &cobra.Command{
		Use: "pub [BROKER] TOPIC", Short: "Publish to a broker as one of its users", Long: pubHelp,
		Example: "  kubectl mqtt pub edge sensors/1 -m 21.5 --as alice\n" +
			"  kubectl mqtt pub edge sensors/1 --filename reading.json --qos 1 --retain --content-type application/json\n" +
			"  tail -f readings.txt | kubectl mqtt pub edge sensors/1 --lines\n" +
			"  kubectl-mqtt pub --state-dir ./dunlin-state sensors/1 -m hello --count 10 --interval 1s",
	}
	cmd.ValidArgsFunction = o.positions(topicNames)
	o.mqttOptions.flags(cmd)
	o.messageOptions.flags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.payload, "message", "m", "", "the payload")
	flags.StringVarP(&o.file, "filename", "f", "", "file with the payload, - for stdin (the default)")
	flags.BoolVarP(&o.lines, "lines", "l", false, "publish each line of stdin or the file as a message of its own")
	flags.IntVarP(&o.count, "count", "c", 1, "how often to publish the message")
	flags.DurationVar(&o.interval, "interval", 0, "time between two messages")
	flags.BoolVar(&o.quiet, "quiet", false, "say nothing if all is well")
	cmd.MarkFlagsMutuallyExclusive("message", "filename")
	cmd.MarkFlagsMutuallyExclusive("message", "lines")
	cmd.MarkFlagsMutuallyExclusive("count", "lines")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		broker, rest, err := o.take(args, 1, 1)
		if given := o.file != "" || cmd.Flags().Changed("message"); err != nil && len(args) > 1 && !given {
			return fmt.Errorf("the payload is no argument: give it with -m, as in -m %s", screen.Quote(args[len(args)-1]))
		}
		if err != nil {
			return err
		}
		if o.count < 1 || o.interval < 0 {
			return fmt.Errorf("--count %d --interval %s: there is at least one message, and time does not go back", o.count, o.interval)
		}
		p, err := o.message(cmd, rest[0])
		if err != nil {
			return err
		}
		if f, ok := s.in.(*os.File); ok && !cmd.Flags().Changed("message") && (o.file == "" || o.file == "-") && term.IsTerminal(int(f.Fd())) {
			return errors.New("there is no message: give -m TEXT, --filename FILE, or stdin by a pipe")
		}
		if err := pub(cmd.Context(), s, &o, broker, p, cmd.Flags().Changed("message")); err != nil {
			return failure{err}
		}
		return nil
	}
	return cmd
}

func pub(ctx context.Context, s streams, o *pubOptions, broker string, p packet.Publish, given bool) error {
	at, err := o.place(ctx, broker)
	if err != nil {
		return err
	}
	in := io.NopCloser(s.in)
	if o.file != "" && o.file != "-" {
		if in, err = os.Open(o.file); err != nil {
			return fmt.Errorf("read message: %w", err)
		}
	}
	defer in.Close() //nolint:errcheck // it was only read
	options, d, err := o.options(ctx, at)
	if err != nil {
		return err
	}
	defer d.close()
	c, err := dial(ctx, options, d)
	if err != nil {
		return err
	}
	defer c.Close()
	sender := &sender{Client: c, interval: o.interval}
	switch {
	case o.lines:
		err = sender.lines(ctx, p, in)
	case given:
		p.Payload = []byte(o.payload)
		err = sender.times(ctx, p, o.count)
	default:
		if p.Payload, err = io.ReadAll(io.LimitReader(in, maxPayload+1)); err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		err = sender.times(ctx, p, o.count)
	}
	if err != nil {
		if sender.sent > 0 {
			return fmt.Errorf("after %s: %w", count(sender.sent, "message"), err)
		}
		return err
	}
	if !o.quiet {
		return sender.report(screen.New(s.err, os.Getenv), p, options.Connect.Username)
	}
	return nil
}

// sender publishes one message after the other.
type sender struct {
	*mqtt.Client
	interval time.Duration
	sent     int
	last     packet.ReasonCode
}

func (s *sender) times(ctx context.Context, p packet.Publish, n int) error {
	for range n {
		if err := s.send(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) lines(ctx context.Context, p packet.Publish, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxPayload)
	for lines.Scan() {
		p.Payload = bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
		if err := s.send(ctx, p); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read messages: %w", err)
	}
	return nil
}

func (s *sender) send(ctx context.Context, p packet.Publish) (err error) {
	if s.sent > 0 && s.interval > 0 {
		timer := time.NewTimer(s.interval)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.Done():
			return s.Err()
		case <-timer.C:
		}
	}
	if s.last, err = s.Publish(ctx, p); err == nil {
		s.sent++
	}
	return err
}

// report says what the broker has done with it, on stderr: pub has no output.
func (s *sender) report(to *screen.Screen, p packet.Publish, user string) error {
	text := fmt.Sprintf("Published %s to %s", count(s.sent, "message"), screen.Clean(string(p.Topic)))
	if user != "" {
		text += " as " + screen.Clean(user)
	}
	switch {
	case p.QoS == 0:
		text += ". At QoS 0 the broker does not say whether it takes it: --qos 1 asks."
	case s.last == packet.NoMatchingSubscribers:
		text += ", acknowledged: nobody has subscribed to it."
	default:
		text += ", acknowledged."
	}
	return to.Print(to.Paint(screen.Faint, text))
}
