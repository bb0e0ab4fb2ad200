package topic_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// entry stands for a subscription: what the indexes point to.
type entry struct{ id int }

func BenchmarkFiltersMatch(b *testing.B) {
	unrelated := map[string]func(i int) string{
		"none":        nil,
		"100kWild":    func(i int) string { return fmt.Sprintf("dev/+/%d/#", i) },
		"100kLiteral": func(i int) string { return fmt.Sprintf("dev/%d/temp", i) },
	}
	for _, kind := range []string{"none", "100kWild", "100kLiteral"} {
		b.Run(kind, func(b *testing.B) {
			f := topic.NewFilters[*entry]()
			if make := unrelated[kind]; make != nil {
				for i := range 100_000 {
					f.Add(make(i), &entry{id: i})
				}
			}
			f.Add("dev/7/telemetry/temp", &entry{})
			f.Add("dev/+/telemetry/+", &entry{})
			benchmarkMatch(b, f, []byte("dev/7/telemetry/temp"))
		})
	}
}

func benchmarkMatch(b *testing.B, f *topic.Filters[*entry], name []byte) {
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		dst := make([][]*entry, 0, 1024)
		for pb.Next() {
			if dst = f.MatchBytes(name, dst[:0]); len(dst) != 2 {
				b.Errorf("%d slices", len(dst))
			}
		}
	})
}

// Every publish goes to another of 100k wildcard filters, as far apart in memory as they come.
func BenchmarkFiltersMatchSpread(b *testing.B) {
	f := topic.NewFilters[*entry]()
	names := make([][]byte, 100_000)
	for i := range names {
		f.Add(fmt.Sprintf("dev/+/%d/#", i), &entry{id: i})
		names[i*7919%len(names)] = fmt.Appendf(nil, "dev/%d/%d/temp", i%977, i)
	}
	b.ResetTimer()
	dst := make([][]*entry, 0, 8)
	for i := 0; b.Loop(); i++ {
		if dst = f.MatchBytes(names[i%len(names)], dst[:0]); len(dst) != 1 {
			b.Fatalf("%d slices", len(dst))
		}
	}
}

// One filter with 100k entries: each step removes an entry and adds it again.
func BenchmarkFiltersChurnBigFilter(b *testing.B) {
	f := topic.NewFilters[*entry]()
	all := make([]*entry, 100_000)
	for i := range all {
		all[i] = &entry{id: i}
		f.Add("all/+", all[i])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e := all[i*7919%len(all)]
		f.Remove("all/+", e)
		f.Add("all/+", e)
	}
}

func BenchmarkFiltersAddRemove(b *testing.B) {
	f := topic.NewFilters[*entry]()
	for i := range 100_000 {
		f.Add(fmt.Sprintf("dev/%d/temp", i), &entry{id: i})
	}
	e := &entry{}
	b.ReportAllocs()
	for b.Loop() {
		f.Add("dev/x/temp/#", e)
		f.Remove("dev/x/temp/#", e)
	}
}

// BenchmarkFiltersMemory reports the bytes that one of 1 M filters of a kind costs, its text and its entry included.
func BenchmarkFiltersMemory(b *testing.B) {
	for name, format := range map[string]string{"literal": "devices/%d/telemetry/temp", "wildcard": "dev/+/%d/#"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				const filters = 1_000_000
				before := heap()
				f := topic.NewFilters[*entry]()
				for i := range filters {
					f.Add(fmt.Sprintf(format, i), &entry{id: i})
				}
				b.ReportMetric(float64(heap()-before)/filters, "B/filter")
				runtime.KeepAlive(f)
			}
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// names1M has 1000 sites of 1000 devices.
func names1M() *topic.Names[*entry] {
	n := topic.NewNames[*entry]()
	for i := range 1_000_000 {
		n.Set(fmt.Sprintf("site/%d/dev%d/temp", i%1000, i/1000), &entry{id: i})
	}
	return n
}

func BenchmarkNamesScan(b *testing.B) {
	n := names1M()
	for _, r := range []struct {
		filter string
		want   int
	}{
		{"site/7/dev7/temp", 1}, {"site/7/#", 1000}, {"site/+/dev7/temp", 1000}, {"#", 1_000_000}, {"+/+/+/none", 0},
	} {
		b.Run(r.filter, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				found := 0
				n.Walk(r.filter, func(string, *entry) bool { found++; return true })
				if found != r.want {
					b.Fatalf("%d names", found)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(r.want, 1)), "ns/name")
		})
	}
}

func BenchmarkNamesSet(b *testing.B) {
	before := heap()
	n := names1M()
	names := make([]string, 0, 4096)
	memory := float64(heap()-before) / 1e6
	for i := range cap(names) {
		names = append(names, fmt.Sprintf("site/%d/dev%d/temp", i*7919%1000, i*31%1000))
	}
	e := &entry{}
	b.Run("existing", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			n.Set(names[i%len(names)], e)
		}
		b.ReportMetric(memory, "B/name")
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			name := names[i%len(names)]
			n.Delete(name)
			n.Set(name, e)
		}
	})
}

// BenchmarkNamesFill fills an empty index with names that come in runs, as devices that report one after the other.
func BenchmarkNamesFill(b *testing.B) {
	names := make([]string, 200_000)
	for i := range names {
		names[i] = fmt.Sprintf("site/%d/%d/value", i/1000, i%1000)
	}
	for b.Loop() {
		n := topic.NewNames[*entry]()
		for _, name := range names {
			n.Set(name, nil)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(names)), "ns/name")
}
