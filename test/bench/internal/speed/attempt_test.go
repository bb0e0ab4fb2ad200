package speed

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/load"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
)

// What was lost is in the cell, beside the number or, if nothing has come, in place of it.
func TestLossIsSaid(t *testing.T) {
	second := load.Usage{Took: time.Second, CPU: time.Second}
	w := &Workload{Name: "w", Rows: []Row{{What: "a", Unit: "us"}}}
	for want, do := range map[string]func(*attempt){
		"| a | us | 10.0; 3 of 5 came |": func(a *attempt) { a.came(3, 5, 10, second) },
		"| a | us | 0 of 5 came |":       func(a *attempt) { a.came(0, 5, 10, second) },
		"| a | us | 10.0 |":              func(a *attempt) { a.came(5, 5, 10, second) },
		"| a | us | 2.00; 7 of 500007 lost; 2 connections closed |": func(a *attempt) {
			_ = a.deliveries(load.Flow{Usage: second, Published: 500_000, Delivered: 500_000, Lost: 7, Closed: 2}, nil)
		},
		"| a | us | 4.00 |": func(a *attempt) {
			_ = a.publishes(load.Flow{Usage: second, Published: 250_000, Delivered: 500_000}, nil)
		},
		"| a | us | too slow for the time that is measured |": func(a *attempt) {
			_ = a.publishes(load.Flow{Usage: second, Delivered: 1}, nil)
		},
	} {
		r := &Run{Brokers: []*peer.Broker{{Name: "dunlin"}}, Workloads: []Workload{*w}, cells: map[string][]cell{}, noise: map[string]noise{}}
		a := &attempt{}
		do(a)
		r.take(w, r.Brokers[0], a, nil)
		if got := r.Table(); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// A broker that has no such listener cannot, and says so.
func TestOverNothing(t *testing.T) {
	if _, err := (&attempt{}).over("", load.WebSocket("/")); !errors.Is(err, errCannot) {
		t.Errorf("error %v", err)
	}
}
