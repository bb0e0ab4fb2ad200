package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/curves"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/speed"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	program, dir, only, peers, page string
	smoke, curves, pin              bool
	rounds                          int
}

func parse(args []string, usage io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.StringVar(&o.program, "program", "", "dunlin-broker; default: built from here")
	flags.StringVar(&o.dir, "dir", "", "folder for the stores, on the disk to be measured; default: a temporary one")
	flags.StringVar(&o.only, "only", "", "some of the parts (speed, durability, curves) or of their workloads, with commas between; default: speed and durability")
	flags.StringVar(&o.peers, "peers", "", "some of the brokers beside dunlin, with commas between; default: "+strings.Join(peer.Names, ","))
	flags.StringVar(&o.page, "page", "", "file into which the tables are written, between their markers; plots go beside it")
	flags.BoolVar(&o.smoke, "smoke", false, "small sizes: to see that it works")
	flags.BoolVar(&o.curves, "curves", false, "the curves too: how costs grow")
	flags.BoolVar(&o.pin, "pin", runtime.NumCPU() > 1, "speed, curves: the broker has processor 0 and the generator the others (taskset)")
	flags.IntVar(&o.rounds, "rounds", 0, "rounds of what has a median; default: speed 3, durability 5, with -smoke fewer")
	err := flags.Parse(args)
	return o, err
}

// plan is what is to be run.
type plan struct {
	speed      []speed.Workload
	durability []workload
	curves     []curves.Curve
}

// choose is the parts and workloads that -only and -curves name.
func (o options) choose() (plan, error) {
	if o.only == "" {
		p := plan{speed: speed.Workloads, durability: workloads}
		if o.curves {
			p.curves = curves.All
		}
		return p, nil
	}
	var p plan
	for name := range strings.SplitSeq(o.only, ",") {
		s := some(speed.Workloads, name, "speed", speedName)
		d := some(workloads, name, "durability", workloadName)
		c := some(curves.All, name, "curves", curveName)
		if len(s)+len(d)+len(c) == 0 {
			return p, fmt.Errorf("-only %s: no such part or workload; there are speed (%s), durability (%s) and curves (%s)",
				name, named(speed.Workloads, speedName), named(workloads, workloadName), named(curves.All, curveName))
		}
		p.speed, p.durability, p.curves = append(p.speed, s...), append(p.durability, d...), append(p.curves, c...)
	}
	return p, nil
}

func speedName(w speed.Workload) string { return w.Name }
func workloadName(w workload) string    { return w.name }
func curveName(c curves.Curve) string   { return c.Name }

// named are the names of a part's members.
func named[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = name(one)
	}
	return strings.Join(names, ", ")
}

// some are those of a name, or all for the part's.
func some[T any](list []T, name, part string, nameOf func(T) string) []T {
	if name == part {
		return list
	}
	return slices.Collect(func(yield func(T) bool) {
		for _, e := range list {
			if nameOf(e) == name && !yield(e) {
				return
			}
		}
	})
}

func run(args []string, progress io.Writer) (err error) {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	p, err := o.choose()
	if err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp(o.dir, "dunlin-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	peers := o.peers
	if len(p.speed) == 0 {
		peers = peer.Bare // beside ours: it says how fast the machine is
	}
	brokers, err := peer.Find(peers, o.dir, o.program)
	if err != nil {
		return err
	}
	r := &runner{options: o, chosen: p, brokers: brokers, progress: progress}
	defer func(procs int) { runtime.GOMAXPROCS(procs) }(runtime.GOMAXPROCS(1))
	return r.run()
}

// pinSelf leaves processor 0 to the broker, or takes all again.
func pinSelf(apart bool) error {
	first := 0
	if apart {
		first = 1
	}
	list := fmt.Sprintf("%d-%d", first, runtime.NumCPU()-1)
	if out, err := exec.Command("taskset", "-a", "-c", "-p", list, fmt.Sprint(os.Getpid())).CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}

// runner runs the parts.
type runner struct {
	options
	chosen   plan
	brokers  []*peer.Broker
	progress io.Writer
}

func (r *runner) say(format string, args ...any) {
	fmt.Fprintf(r.progress, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}

// section shows a part's table and puts it into the page.
func (r *runner) section(part, text string) error {
	fmt.Fprint(r.progress, "\n", text, "\n")
	if r.page == "" {
		return nil
	}
	return report.Insert(r.page, part, text)
}
