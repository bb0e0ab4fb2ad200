package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is a run of the workloads.
type bench struct {
	program  string // dunlin-broker
	dir      string // of all stores, on the disk to be measured
	cpus     string // of the broker, for taskset; "": all
	sizes    sizes
	progress io.Writer
	load     string // of the machine, before
	rows     []row
}

// sizes are how large the workloads are.
type sizes struct {
	rounds                              int
	warm, measured                      time.Duration
	drained, fanned, idle, backlog, set int
	startSessions, startMessages        int
}

var (
	full = sizes{
		rounds: 5, warm: time.Second, measured: 4 * time.Second,
		drained: 100_000, fanned: 10_000, idle: 100_000, backlog: 1_000_000, set: 200_000,
		startSessions: 100_000, startMessages: 1_000_000,
	}
	small = sizes{
		rounds: 2, warm: 100 * time.Millisecond, measured: 300 * time.Millisecond,
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
	{"drain", "draining a queue", (*bench).drain},
	{"fanout", "one message to many offline sessions", (*bench).fanout},
	{"idle", "memory of idle offline sessions", (*bench).idle},
	{"startup", "start-up", (*bench).startup},
	{"backlog", "one session with a long queue", (*bench).backlog},
	{"retained", "a # subscriber gets all retained messages", (*bench).retained},
}

func run(args []string, progress io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(progress)
	b := &bench{progress: progress, load: load()}
	flags.StringVar(&b.program, "program", "", "dunlin-broker; default: built from here")
	flags.StringVar(&b.dir, "dir", "", "folder for the stores, on the disk to be measured; default: a temporary one")
	smoke := flags.Bool("smoke", false, "small sizes: to see that it works")
	pin := flags.Bool("pin", false, "give the broker processor 0 and the generator the others (taskset)")
	only := flags.String("only", "", "some of the workloads, with commas between; default: all")
	rounds := flags.Int("rounds", 0, "rounds of what has a median; default 5, with -smoke 2")
	page := flags.String("page", "", "file into which the table is written, between its markers")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	b.sizes = full
	if *smoke {
		b.sizes = small
	}
	if *rounds > 0 {
		b.sizes.rounds = *rounds
	}
	runtime.GOMAXPROCS(1)
	if *pin {
		b.cpus = "0"
		if err := pinSelf(); err != nil {
			return err
		}
	}
	remove, err := b.prepare()
	defer remove()
	if err != nil {
		return err
	}
	for _, w := range chosen {
		begin := time.Now()
		b.say("%s: %s", w.name, w.what)
		if err := w.run(b); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		b.say("%s took %s", w.name, time.Since(begin).Round(time.Second))
	}
	table := b.table(*pin)
	fmt.Fprint(progress, "\n", table)
	if *page == "" {
		return nil
	}
	return insert(*page, table)
}

// choose is the workloads of these names.
func choose(only string) ([]workload, error) {
	if only == "" {
		return workloads, nil
	}
	var chosen []workload
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(workloads, func(w workload) bool { return w.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only %s: no such workload", name)
		}
		chosen = append(chosen, workloads[i])
	}
	return chosen, nil
}

// prepare makes the folder and the program; remove undoes it, whether there is an error or not.
func (b *bench) prepare() (remove func(), err error) {
	dir, err := os.MkdirTemp(b.dir, "dunlin-bench-")
	if err != nil {
		return func() {}, err
	}
	b.dir = dir
	remove = func() { err = errors.Join(err, os.RemoveAll(dir)) }
	if b.program == "" {
		b.program = filepath.Join(dir, "dunlin-broker")
		if out, err := exec.Command("go", "build", "-trimpath", "-o", b.program, "github.com/dunlin-mqtt/dunlin/cmd/broker").CombinedOutput(); err != nil {
			return remove, fmt.Errorf("build dunlin-broker: %w\n%s", err, out)
		}
	}
	return remove, nil
}

// pinSelf leaves processor 0 to the broker.
func pinSelf() error {
	list := fmt.Sprint("1-", max(1, runtime.NumCPU()-1))
	if out, err := exec.Command("taskset", "-a", "-c", "-p", list, fmt.Sprint(os.Getpid())).CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, "  "+format+"\n", args...) }
