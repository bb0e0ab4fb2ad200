package main

import (
	"fmt"
	"io"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/speed"
)

// bench is a run of the durability workloads.
type bench struct {
	program  string // dunlin-broker
	dir      string // of all stores, on the disk to be measured
	sizes    sizes
	relay    *peer.Broker // says how fast the machine is; nil: it was not asked for
	relayed  speed.Sizes  // of its work
	progress io.Writer
	load     float64 // of the machine, before
	rows     []row
}

// sizes are how large the workloads are.
type sizes struct {
	rounds                              int
	warm, measured, rest                time.Duration
	drained, fanned, idle, backlog, set int
	startSessions, startMessages        int
}

var (
	full = sizes{
		rounds: 5, warm: time.Second, measured: 4 * time.Second, rest: 3 * time.Second,
		drained: 100_000, fanned: 10_000, idle: 100_000, backlog: 1_000_000, set: 200_000,
		startSessions: 100_000, startMessages: 1_000_000,
	}
	small = sizes{
		rounds: 2, warm: 100 * time.Millisecond, measured: 300 * time.Millisecond, rest: 200 * time.Millisecond,
		drained: 5_000, fanned: 500, idle: 1_000, backlog: 10_000, set: 5_000,
		startSessions: 1_000, startMessages: 10_000,
	}
)

// workload is one of the things that are measured.
type workload struct {
	name, what string
	run        func(*bench) error
}

var workloads = []workload{
	{"durable", "durable QoS 1 into an offline session", (*bench).durable},
	{"durable-drain", "draining a queue", (*bench).drain},
	{"durable-fanout", "one message to many offline sessions", (*bench).fanout},
	{"durable-idle", "memory of idle offline sessions", (*bench).idle},
	{"durable-startup", "start-up", (*bench).startup},
	{"durable-backlog", "one session with a long queue", (*bench).backlog},
	{"durable-retained", "a # subscriber gets all retained messages", (*bench).retained},
}

// measure runs the chosen workloads and returns the table.
func (b *bench) measure(chosen []workload) (string, error) {
	for _, w := range chosen {
		begin := time.Now()
		b.say("%s: %s", w.name, w.what)
		if err := w.run(b); err != nil {
			return "", fmt.Errorf("%s: %w", w.name, err)
		}
		b.say("%s took %s", w.name, time.Since(begin).Round(time.Second))
	}
	return b.table(), nil
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, "  "+format+"\n", args...) }
