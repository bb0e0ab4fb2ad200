package otlp

import (
	"encoding/hex"
	"testing"
)

const (
	traceID  = "0af7651916cd43dd8448eb211c80319c"
	parentID = "b7ad6b7169203331"
)

func TestTraceparent(t *testing.T) {
	for text, sampled := range map[string]bool{
		"00-" + traceID + "-" + parentID + "-01":                  true,
		"00-" + traceID + "-" + parentID + "-03":                  true,
		"00-" + traceID + "-" + parentID + "-00":                  false,
		"01-" + traceID + "-" + parentID + "-01":                  true,
		"01-" + traceID + "-" + parentID + "-01-later":            true,
		"01-" + traceID + "-" + parentID + "-01later":             false,
		"00-" + traceID + "-" + parentID + "-01-more":             false,
		"ff-" + traceID + "-" + parentID + "-01":                  false,
		"00-0AF7651916CD43DD8448EB211C80319C-" + parentID + "-01": false,
		"00-" + traceID + "-" + parentID + "-0g":                  false,
		"00-00000000000000000000000000000000-" + parentID + "-01": false,
		"00-" + traceID + "-0000000000000000-01":                  false,
		"00_" + traceID + "-" + parentID + "-01":                  false,
		"00-" + traceID + "_" + parentID + "-01":                  false,
		"00-" + traceID + "-" + parentID + "_01":                  false,
		"":                                                        false,
		"00-":                                                     false,
	} {
		trace, parent, got := traced([]byte(text))
		if got != sampled {
			t.Errorf("%q is sampled: %v", text, got)
		}
		if got && (hex.EncodeToString(trace[:]) != traceID || hex.EncodeToString(parent[:]) != parentID) {
			t.Errorf("%q: %x %x", text, trace, parent)
		}
	}
	if n := testing.AllocsPerRun(100, func() { traced([]byte("00-" + traceID + "-" + parentID + "-01")) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add("00-" + traceID + "-" + parentID + "-01")
	f.Fuzz(func(t *testing.T, text string) {
		if trace, parent, sampled := traced([]byte(text)); sampled && (trace == [16]byte{} || parent == [8]byte{}) {
			t.Errorf("%q: %x %x", text, trace, parent)
		}
	})
}
