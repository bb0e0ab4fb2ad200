package suite

import (
	"encoding/json"
	"os"
	"sync"
)

// Outcome is how a statement's test fared; "": it has none.
type Outcome string

// The outcomes.
const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	Skip Outcome = "skip" // the broker lacks what the statement is about
)

// Result is what a run says of a statement.
type Result struct {
	Section string  `json:"section"`
	ID      string  `json:"id"`
	Says    string  `json:"says"`
	Class   Class   `json:"class"`
	Why     string  `json:"why,omitempty"`  // not tested, from outside or at all
	Unit    string  `json:"unit,omitempty"` // folder and name of the unit test
	Outcome Outcome `json:"outcome,omitempty"`
	Skipped string  `json:"skipped,omitempty"` // why, if it was
}

// record collects results; tests run in parallel.
type record struct {
	mu  sync.Mutex
	all []Result
}

func (r *record) add(section string, s *Statement, o Outcome, skipped string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, Result{
		Section: section, ID: s.ID, Says: s.Says, Class: s.Class(), Why: s.Inside + s.Unwritten, Unit: s.Unit,
		Outcome: o, Skipped: skipped,
	})
}

// write writes the results to a file; "": nowhere.
func (r *record) write(file string) error {
	if file == "" {
		return nil
	}
	data, err := json.MarshalIndent(r.all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
