package speed

import (
	"errors"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
)

// The table has medians, the ratio to Mosquitto, the goal, and says why where a number is missing.
func TestTable(t *testing.T) {
	r := &Run{
		Brokers: []*peer.Broker{{Name: "dunlin", Version: "this tree"}, {Name: "mosquitto", Version: "2"}, {Name: "nats"}},
		Workloads: []Workload{{Name: "w", Rows: []Row{
			{What: "a thing: a message", Unit: "us", Goal: 0.5, Rate: "messages", Plot: "w"},
			{What: "the same: p99", Unit: "us", Goal: 5},
		}}},
		cells: map[string][]cell{}, noise: map[string]noise{},
	}
	w := &r.Workloads[0]
	for _, v := range []float64{0.2, 0.6, 0.4} {
		r.take(w, r.Brokers[0], &attempt{values: []float64{v, 6}, rates: []float64{1e6, 0}, others: v}, nil)
		r.take(w, r.Brokers[1], &attempt{values: []float64{4, 60}, rates: []float64{1e5, 0}, notes: []string{"3 lost"}}, nil)
		r.take(w, r.Brokers[2], &attempt{}, errors.New("no such | thing\nand more"))
	}
	got := r.Table()
	for _, want := range []string{
		"| workload | unit | dunlin this tree | mosquitto 2 | nats | Dunlin to mosquitto 2 | goal | goal here | met |",
		"| a thing: a message | us | 0.400 (0.200 to 0.600) | 4.00 (4.00 to 4.00) | no such / thing | 0.100 | 0.500 | 0.500 | yes | 60 %",
		"| the same: p99 | us | 6.00 (6.00 to 6.00) | 60.0 (60.0 to 60.0); 3 lost | no such / thing | 0.100 | 5.00 | 5.00 | **no** |",
		"| a thing | messages | 1000000 | 100000 |  |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if svg := r.Plot(); strings.Count(svg, "<rect class=\"f") != 2*(3+2) { // two pictures: a colour a broker, and two have a bar
		t.Errorf("the plot is\n%s", svg)
	}
}

// Without Mosquitto there is no ratio, and no column for it.
func TestTableAlone(t *testing.T) {
	r := &Run{Brokers: []*peer.Broker{{Name: "dunlin"}}, Workloads: []Workload{{Name: "w", Rows: []Row{{What: "a", Unit: "us", Goal: 1}}}},
		cells: map[string][]cell{}, noise: map[string]noise{}}
	r.take(&r.Workloads[0], r.Brokers[0], &attempt{}, errors.New("broken"))
	if got := r.Table(); !strings.Contains(got, "| a | us | broken | 1.00 | 1.00 | **no** |") || strings.Contains(got, "Dunlin to") {
		t.Error(got)
	}
}

// The ratio is to the newest Mosquitto that there is.
func TestReference(t *testing.T) {
	ours, old, missing := &peer.Broker{Name: "dunlin"}, &peer.Broker{Name: "mosquitto", Version: "2.0.11"}, &peer.Broker{Name: peer.NewMosquitto, Missing: errors.New("no")}
	recent := &peer.Broker{Name: peer.NewMosquitto, Version: "2.1.2"}
	for _, test := range []struct {
		brokers []*peer.Broker
		want    *peer.Broker
	}{
		{[]*peer.Broker{ours, old, recent}, recent}, {[]*peer.Broker{ours, old, missing}, old}, {[]*peer.Broker{ours, recent}, recent},
		{[]*peer.Broker{ours, missing}, nil}, {[]*peer.Broker{ours}, nil},
	} {
		if got := (&Run{Brokers: test.brokers}).reference(); got != test.want {
			t.Errorf("of %d brokers: %v", len(test.brokers), got)
		}
	}
	if head(recent) != "mosquitto 2.1.2" || head(missing) != peer.NewMosquitto {
		t.Errorf("their columns are %q and %q", head(recent), head(missing))
	}
}

// What a cell says is bounded.
func TestNotes(t *testing.T) {
	var c cell
	for _, n := range []string{"a", "a", "b", "c", "d", "e"} {
		c.say([]string{n})
	}
	if len(c.notes) > maxNotes || c.notes[0] != "a" {
		t.Errorf("%q", c.notes)
	}
}
