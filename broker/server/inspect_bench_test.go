package server

import (
	"fmt"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/inspect"
)

// BenchmarkClientsPage is a page among 100,000 sessions.
func BenchmarkClientsPage(b *testing.B) {
	s, err := New(config.Config{}, Deps{})
	if err != nil {
		b.Fatal(err)
	}
	for n := range 100_000 {
		cl := s.clients.get(s, fmt.Sprintf("client-%06d", n))
		cl.identity.Store(auth.Recall(cl.id, fmt.Sprintf("user-%d", n%1000), false))
	}
	for name, q := range map[string]admin.ClientQuery{
		"first": {}, "middle": {Range: admin.Range{After: "client-050000"}}, "search": {Search: "99"}, "searchNone": {Search: "nothing"},
		"searchAddress": {Search: "10.0"}, "connected": {Connected: new(true)}, "user": {User: "user-7"},
	} {
		q.Limit = 100
		b.Run(name, func(b *testing.B) {
			before := inspect.ReadProcess().CPUSeconds
			for b.Loop() {
				inspector{s}.Clients(q)
			}
			b.ReportMetric((inspect.ReadProcess().CPUSeconds-before)*1000/float64(b.N), "cpu-ms/op") // of a busy machine
		})
	}
}
