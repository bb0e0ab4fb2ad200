package crash

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

var (
	kills    = flag.Int("kills", 50, "how often the broker is killed")
	seed     = flag.Uint64("seed", 0, "seed of all random choices; 0: by the clock")
	life     = flag.Duration("life", 100*time.Millisecond, "how long the broker lives at least once it lets clients in; at most four times that")
	syncMode = flag.String("sync", "", "Dunlin's store.sync: Always (default) or Interval, which loses nothing here either")
	brokerIs = flag.String("broker", "dunlin", "dunlin, mosquitto (its default persistence), mosquitto-1s (autosave_interval 1) or mosquitto-each (saved on every change)")
	program  = flag.String("program", "", "the broker's program; default: dunlin-broker built from here, or the mosquitto that is installed")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	switch {
	case *program != "":
		return m.Run()
	case *brokerIs != "dunlin":
		path, err := exec.LookPath("mosquitto")
		if err != nil {
			fmt.Fprintln(os.Stderr, "install Debian's package mosquitto:", err)
			return 1
		}
		*program = path
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "dunlin-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if *program, err = daemon.Build(dir, false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
