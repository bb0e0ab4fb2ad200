package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// minGarbage is how much garbage there is, in bytes, before the collector runs. By its own rule it runs when there is as much as there
// is memory in use: every few megabytes where few clients are, which is many times a second when they publish a lot. GOMEMLIMIT holds
// all the same.
const minGarbage = 8 << 20

// relaxCollector keeps to minGarbage, unless the user has said by GOGC when the collector is to run.
func relaxCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	c := &collector{percent: 100, samples: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}}
	c.ran()
}

// collector sets, after each collection, when the next one is to run.
type collector struct {
	percent int              // of what it scans and keeps: as much garbage may be there
	samples []metrics.Sample // which together are that
}

// ran is called after a collection: it is the finalizer of something that nobody else knows.
func (c *collector) ran() {
	runtime.SetFinalizer(&struct{ *collector }{c}, func(*struct{ *collector }) { c.ran() })
	metrics.Read(c.samples)
	var kept uint64
	for _, s := range c.samples {
		kept += s.Value.Uint64()
	}
	if percent := percentOf(kept); percent > c.percent*5/4 || percent < c.percent*4/5 { // setting it stops everybody for a moment
		c.percent = percent
		debug.SetGCPercent(percent)
	}
}

// percentOf is how much garbage there may be beside so many bytes, in percent of them: minGarbage, or as many.
func percentOf(kept uint64) int {
	return max(100, int(minGarbage*100/max(kept, 1<<20)))
}
