package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// NewMosquitto is the command, and the name, of a Mosquitto newer than the system's (hack/mosquitto-2.1.sh).
const NewMosquitto = "mosquitto-2.1"

// Names are the brokers there are; the first is ours, and the last the relay.
var Names = []string{"dunlin", "mosquitto", NewMosquitto, "mochi", "nats", Bare}

// Broker is one that can be started.
type Broker struct {
	Name    string
	Version string
	Missing error // why it cannot be started; nil: it can

	start func(Setup) (*Running, error)
}

// Setup is how a broker is started.
type Setup struct {
	CPUs    string // it runs on these (taskset -c); "": on all
	Procs   int    // GOMAXPROCS, for those in Go; 0: as many as there are processors
	Bounded bool   // of about 1,000 messages or 1 MiB are the queues for clients that do not read
	Secure  bool   // it listens for TLS and WebSocket too

	dir  string
	pair pair
}

// Running is a broker that has been started.
type Running struct {
	*daemon.Broker
	TLS       string // host:port; "" if it has none
	WebSocket string // the same
}

// startTime is how long a broker may take to start.
const startTime = time.Minute

// Start starts the broker in a new folder below dir and waits until it lets clients in.
func (b *Broker) Start(dir string, s Setup) (*Running, error) {
	if b.Missing != nil {
		return nil, b.Missing
	}
	own, err := os.MkdirTemp(dir, b.Name+"-")
	if err != nil {
		return nil, err
	}
	s.dir = own
	if s.Secure {
		if s.pair, err = newPair(own); err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
	}
	r, err := b.start(s)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", b.Name, err)
	}
	r.Pin(s.CPUs)
	if s.Procs > 0 {
		r.Setenv(fmt.Sprint("GOMAXPROCS=", s.Procs))
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		err = errors.Join(fmt.Errorf("start %s: %w", b.Name, err), r.said())
		r.Discard()
		return nil, err
	}
	return r, nil
}

// said is the end of its log, as an error.
func (r *Running) said() error {
	data, err := os.ReadFile(r.Dir + "/broker.log")
	if err != nil {
		return err
	}
	return errors.New(strings.TrimSpace(string(data[max(0, len(data)-1000):])))
}

// Discard kills it and removes its folder.
func (r *Running) Discard() {
	r.Close()
	_ = os.RemoveAll(r.Dir) // it is in a folder that goes at the end
}

// Find builds the brokers of these names, with commas between, into dir; "" is all that there are. Ours comes first, named or
// not. What cannot be had is in the list too, and says why; only ours must be there. program is dunlin-broker, if it is not to be
// built.
func Find(names, dir, program string) ([]*Broker, error) {
	chosen := Names
	if names != "" {
		chosen = strings.Split(names, ",")
	}
	for _, name := range chosen {
		if !slices.Contains(Names, name) {
			return nil, fmt.Errorf("-peers %s: no such broker; there are %s", name, strings.Join(Names, ", "))
		}
	}
	ours := find(Names[0], dir, program)
	if ours.Missing != nil {
		return nil, ours.Missing
	}
	found := []*Broker{ours}
	for _, name := range Names[1:] {
		if slices.Contains(chosen, name) {
			found = append(found, find(name, dir, ""))
		}
	}
	return found, nil
}

func find(name, dir, program string) *Broker {
	switch name {
	case "mosquitto":
		return mosquitto(name, "/usr/sbin/mosquitto")
	case NewMosquitto:
		return mosquitto(name, "")
	case "mochi":
		return mochi(dir)
	case "nats":
		return nats(dir)
	case Bare:
		return bare(dir)
	}
	return dunlin(dir, program)
}
