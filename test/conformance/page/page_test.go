package main

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// TestPage: each class and outcome has its words and is counted, and statements are in the order of the standard.
func TestPage(t *testing.T) {
	ours := []suite.Result{
		{ID: "MQTT-3.1.0-10", Section: "s", Says: "ten", Class: suite.Tested, Outcome: suite.Fail},
		{ID: "MQTT-3.1.0-9", Section: "s", Says: "nine", Class: suite.Tested, Outcome: suite.Pass},
		{ID: "MQTT-3.1.0-11", Section: "s", Says: "eleven", Class: suite.Tested, Outcome: suite.Skip, Skipped: "none here"},
		{ID: "MQTT-3.1.0-12", Section: "s", Says: "twelve", Class: suite.Tested, Outcome: suite.Skip},
		{ID: "MQTT-3.1.0-13", Section: "s", Says: "thirteen", Class: suite.ClientOnly},
		{ID: "MQTT-3.1.0-14", Section: "s", Says: "fourteen", Class: suite.InsideOnly, Unit: "broker/packet TestX"},
		{ID: "MQTT-3.1.0-15", Section: "s", Says: "fifteen", Class: suite.NotYet, Outcome: suite.Skip},
		{ID: "MQTT-3.1.0-16", Section: "s", Says: "sixteen", Class: suite.NotWritten, Why: "no time"},
	}
	theirs := []suite.Result{{ID: "MQTT-3.1.0-9", Outcome: suite.Fail}, {ID: "MQTT-3.1.0-10", Outcome: suite.Pass}, {ID: "MQTT-3.1.0-11", Outcome: suite.Skip}}
	p := page{versions: []version{pair("MQTT 9", ours, theirs)}}
	got := p.String()
	want := `| MQTT-3.1.0-9 | nine | pass | **FAIL** |
| MQTT-3.1.0-10 | ten | **FAIL** | pass |
| MQTT-3.1.0-11 | eleven | not yet | n/a |
| MQTT-3.1.0-12 | twelve | n/a | n/a |
| MQTT-3.1.0-13 | thirteen | client | client |
| MQTT-3.1.0-14 | fourteen | unit test: broker/packet TestX |  |
| MQTT-3.1.0-15 | fifteen | not yet |  |
| MQTT-3.1.0-16 | sixteen | not written yet: no time |  |
`
	if !strings.HasSuffix(got, want) {
		t.Errorf("the table is\n%s\nand not\n%s", got[strings.LastIndex(got, "|---|"):], want)
	}
	for _, line := range []string{"| MQTT 9 | 8 | 4 | 1 | 1 | 1 | 1 |", "| MQTT 9 | 1 | 1 | 1 | 1 | 1 | 1 | 2 |"} {
		if !strings.Contains(got, line) {
			t.Errorf("there is no %q in\n%s", line, got)
		}
	}
}
