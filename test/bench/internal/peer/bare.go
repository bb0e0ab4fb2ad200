package peer

import "github.com/dunlin-mqtt/dunlin/test/internal/daemon"

// Bare is the name of the relay of test/bench/bare, which is no broker: it says how fast the machine is.
const Bare = "bare"

func bare(dir string) *Broker {
	b := &Broker{Name: Bare, Version: "relay"}
	var program string
	program, b.Missing = build(dir, "", "bare-relay", "github.com/dunlin-mqtt/dunlin/test/bench/bare")
	b.start = func(s Setup) (*Running, error) {
		r := &Running{}
		var err error
		r.Broker, err = daemon.Bare(program, s.dir)
		return r, err
	}
	return b
}
