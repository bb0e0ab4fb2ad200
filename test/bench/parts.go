package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/curves"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/speed"
)

// run runs what is planned, part after part. A part that fails does not keep the next from running.
func (r *runner) run() error {
	var errs []error
	for _, part := range []struct {
		n   int
		run func() error
	}{{len(r.chosen.speed), r.runSpeed}, {len(r.chosen.curves), r.runCurves}, {len(r.chosen.durability), r.runDurability}} {
		if part.n > 0 {
			errs = append(errs, part.run())
		}
	}
	return errors.Join(errs...)
}

// apart runs do with the broker and the generator on processors of their own, if that is asked for.
func (r *runner) apart(do func(cpus string) error) error {
	if !r.pin {
		return do("")
	}
	if err := pinSelf(true); err != nil {
		return err
	}
	return errors.Join(do("0"), pinSelf(false))
}

// place says which processors are whose.
func (r *runner) place() string {
	if r.pin {
		return "the broker pinned to one, the generator to the other"
	}
	return "not pinned"
}

func (r *runner) runSpeed() error {
	run := speed.Run{Brokers: r.brokers, Workloads: r.chosen.speed, Sizes: speed.Full, Dir: r.dir, Say: r.say}
	if r.smoke {
		run.Sizes = speed.Small
	}
	if r.rounds > 0 {
		run.Sizes.Rounds = r.rounds
	}
	before := report.Load()
	failed := r.apart(func(cpus string) error {
		run.CPUs = cpus
		return run.Do()
	})
	head := fmt.Sprintf("%s; rounds: %d; load average before: %.2f.\n\n", report.Machine(r.place()), run.Sizes.Rounds, before)
	if missing := absent(r.brokers); missing != "" {
		head += missing + "\n\n"
	}
	return errors.Join(failed, r.section("speed", head+run.Table()), r.plot("speed", run.Plot()))
}

// absent says which brokers could not be had, and why.
func absent(brokers []*peer.Broker) string {
	var lines []string
	for _, b := range brokers {
		if b.Missing != nil {
			what, _, _ := strings.Cut(b.Missing.Error(), "\n")
			lines = append(lines, b.Name+" is not here: "+what+".")
		}
	}
	return strings.Join(lines, " ")
}

func (r *runner) runCurves() error {
	run := curves.Run{Broker: r.brokers[0], Curves: r.chosen.curves, Sizes: curves.Full, Dir: r.dir, Say: r.say}
	if r.smoke {
		run.Sizes = curves.Small
	}
	before := report.Load()
	failed := r.apart(func(cpus string) error {
		run.CPUs = cpus
		return run.Do()
	})
	head := fmt.Sprintf("%s; load average before: %.2f.\n", report.Machine(r.place()), before)
	errs := []error{failed, r.section("curves", head+run.Text())}
	for name, svg := range run.Plots() {
		errs = append(errs, r.plot(name, svg))
	}
	return errors.Join(errs...)
}

func (r *runner) runDurability() error {
	b := &bench{program: filepath.Join(r.dir, "dunlin-broker"), dir: r.dir, sizes: full, relayed: speed.Full, progress: r.progress, load: report.Load()}
	if at := slices.IndexFunc(r.brokers, func(b *peer.Broker) bool { return b.Name == peer.Bare }); at >= 0 {
		b.relay = r.brokers[at]
	}
	if r.program != "" {
		b.program = r.program
	}
	if r.smoke {
		b.sizes, b.relayed = small, speed.Small
	}
	if r.rounds > 0 {
		b.sizes.rounds = r.rounds
	}
	table, err := b.measure(r.chosen.durability)
	if err != nil {
		return err
	}
	return r.section("durability", table)
}

// plot writes an SVG beside the page, which links to it by report.PlotFile.
func (r *runner) plot(name, svg string) error {
	if r.page == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(filepath.Dir(r.page), report.PlotFile(name)), []byte(svg), 0o644)
}
