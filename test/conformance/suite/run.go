package suite

import (
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// under is the broker under test, and results what has come of the tests; both are Main's.
var (
	under   *Broker
	results = new(record)
)

// Main is a package's TestMain: it finds the broker, runs the tests and writes the results where -report says.
func Main(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "dunlin-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system cleans up after it, if it must
	under, err = findBroker(dir)
	if under != nil {
		defer under.close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "find the broker to test:", err)
		return 1
	}
	if flag.Lookup("test.parallel").Value.String() == flag.Lookup("test.parallel").DefValue {
		_ = flag.Set("test.parallel", "32") // they wait for the broker, not for the processor
	}
	code := m.Run()
	if err := results.write(*report); err != nil {
		fmt.Fprintln(os.Stderr, "write the report:", err)
		return 1
	}
	return code
}

// Run runs the tests of all statements in parallel, as subtests SECTION/ID, and takes down how each fared.
func Run(t *testing.T, v packet.Version, sections []Section) {
	for _, sec := range sections {
		t.Run(strings.ReplaceAll(sec.Name, " ", "_"), func(t *testing.T) {
			for i := range sec.Statements {
				s := &sec.Statements[i]
				if s.Test == nil && s.Class() != NotYet {
					results.add(sec.Name, s, "", "")
					continue
				}
				t.Run(s.ID, func(t *testing.T) {
					t.Parallel()
					run(t, v, sec.Name, s)
				})
			}
		})
	}
}

// run is the subtest of one statement.
func run(t *testing.T, v packet.Version, section string, s *Statement) {
	var skipped string
	t.Cleanup(func() {
		switch {
		case t.Failed():
			results.add(section, s, Fail, "")
		case skipped != "" || t.Skipped():
			results.add(section, s, Skip, skipped)
		default:
			results.add(section, s, Pass, "")
		}
	})
	if s.Needs != nil {
		skipped = s.Needs(under)
	}
	if skipped == "" && s.Test == nil {
		skipped = s.Unwritten
	}
	if skipped != "" {
		t.Skipf("%s (%s): %s", s.ID, s.Says, skipped)
	}
	s.Test(&T{T: t, Broker: under, Version: v, unique: strings.ToLower(rand.Text()[:8])})
}
