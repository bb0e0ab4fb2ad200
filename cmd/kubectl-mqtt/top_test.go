package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// TestBusiest: the longest queues come first, and then those with the most messages a second, of which nothing is known of a
// connection that was not there before.
func TestBusiest(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	client := func(id string, queued int, since time.Time, in, out uint64) api.Client {
		return api.Client{
			ID: id, Connected: true, Queued: queued, Since: &since,
			Received: &api.ClientTraffic{Messages: in}, Sent: &api.ClientTraffic{Messages: out},
		}
	}
	before := map[string]api.Client{
		"quiet": client("quiet", 0, noon, 5, 5), "busy": client("busy", 0, noon, 100, 0), "full": client("full", 0, noon, 0, 0),
		"again": client("again", 0, noon, 1000, 1000),
	}
	away := api.Client{ID: "away", Queued: 1, Since: &noon}
	now := []api.Client{
		client("again", 0, noon.Add(time.Second), 10, 10), away, client("busy", 0, noon, 140, 2), client("full", 7, noon, 0, 1),
		client("new", 0, noon, 9, 9), client("quiet", 0, noon, 5, 7),
	}
	type line struct {
		id      string
		in, out float64
	}
	var got []line
	for _, c := range busiest(before, now, 2) {
		l := line{c.ID, -1, -1}
		if c.ReceivedPerSecond != nil {
			l.in, l.out = *c.ReceivedPerSecond, *c.SentPerSecond
		}
		got = append(got, l)
	}
	want := []line{{"full", 0, 0.5}, {"away", -1, -1}, {"busy", 20, 1}, {"quiet", 0, 1}, {"again", -1, -1}, {"new", -1, -1}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
