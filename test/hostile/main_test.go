package hostile

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

var (
	duration = flag.Duration("duration", 5*time.Second, "how long the network fuzzer runs")
	seed     = flag.Uint64("seed", 0, "seed of the network fuzzer; 0: by the clock")
	racy     = flag.Bool("racy", false, "build the broker with the race detector (needs gcc); its memory is not measured then")
	program  string
)

// parallel is how many tests run at the same time: most of what they do is to wait.
const parallel = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", parallel); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "dunlin-hostile-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if program, err = daemon.Build(dir, *racy); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
