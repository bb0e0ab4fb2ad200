package speed

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/load"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
)

// Workload is one thing that a broker does, and the rows of the table that it fills.
type Workload struct {
	Name string
	Rows []Row
	// Once: one round is enough, because it measures memory or takes long.
	Once bool
	// Setup is more than the defaults; CPUs and Procs are left to the run.
	Setup peer.Setup

	run func(*attempt) error
}

// Row is a line of the table.
type Row struct {
	What string
	Unit string
	Goal float64 // at most this, for Dunlin, on the machine of relayThere; 0: none
	Rate string  // what is counted a second; "": nothing is
	Plot string  // its name in the plot; "": it is in none
}

// attempt is one run of a workload on one broker.
type attempt struct {
	load.Target
	broker *peer.Running
	sizes  Sizes

	values []float64 // a row each, in their order
	rates  []float64 // a row each, 0 for those without
	notes  []string  // what the numbers do not say
	others float64
}

// Sizes are how much is done.
type Sizes struct {
	Rounds         int
	Warm, Measured time.Duration
	Stall, Settle  time.Duration

	Subscribers, Filters, Offline, Retained, Connects, Idle, Secure, Stuck, Fill int
}

// The sizes: those of the published table, and some that only show that all of it works.
var (
	Full = Sizes{
		Rounds: 3, Warm: 500 * time.Millisecond, Measured: 1500 * time.Millisecond, Stall: 5 * time.Second, Settle: time.Second,
		Subscribers: 500, Filters: 100_000, Offline: 50_000, Retained: 200_000, Connects: 10_000, Idle: 10_000, Secure: 10_000, Stuck: 1000, Fill: 2000,
	}
	Small = Sizes{
		Rounds: 1, Warm: 20 * time.Millisecond, Measured: 60 * time.Millisecond, Stall: 5 * time.Second, Settle: 20 * time.Millisecond,
		Subscribers: 50, Filters: 2000, Offline: 1000, Retained: 1000, Connects: 200, Idle: 200, Secure: 50, Stuck: 20, Fill: 50,
	}
)

// add takes the value of the next row, and what was counted a second, if anything was.
func (a *attempt) add(value, rate float64) {
	a.values, a.rates = append(a.values, value), append(a.rates, rate)
}

// came takes the row of n messages of which so many came, and cost what they cost; there is no number if none has come.
func (a *attempt) came(got, n int, cost float64, u load.Usage) {
	a.used(u)
	if got == 0 {
		cost = math.NaN()
	}
	a.add(cost, float64(got)/u.Took.Seconds())
	a.missing(got, n)
}

// missing says what has not come.
func (a *attempt) missing(got, n int) {
	if got != n {
		a.note("%d of %d came", got, n)
	}
}

// used notes what else the machine did.
func (a *attempt) used(u load.Usage) { a.others = max(a.others, u.Others) }

// note says what a number does not.
func (a *attempt) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// flow takes what there is to say of a closed loop.
func (a *attempt) flow(f load.Flow) {
	a.used(f.Usage)
	if f.Lost > 0 {
		a.note("%d of %d lost", f.Lost, f.Delivered+f.Lost)
	}
	if f.Closed > 0 {
		a.note("%d connections closed", f.Closed)
	}
}

// deliveries is a closed loop whose row counts deliveries, publishes one whose row counts publishes.
func (a *attempt) deliveries(f load.Flow, err error) error {
	a.flow(f)
	a.add(f.PerDelivery(), f.Rate())
	return err
}

func (a *attempt) publishes(f load.Flow, err error) error {
	a.flow(f)
	a.add(f.PerPublish(), float64(f.Published)/f.Took.Seconds())
	return err
}

// errCannot is of a broker that has no such thing.
var errCannot = errors.New("cannot")

// over is a's target by TLS or WebSocket.
func (a *attempt) over(addr string, t load.Transport) (load.Target, error) {
	target := a.Target
	target.Addr, target.Transport = addr, t
	if addr == "" {
		return target, fmt.Errorf("%w: no such listener beside the plain one", errCannot)
	}
	return target, nil
}
