// Command bare is a relay: the least that a program in Go must do to pass MQTT 3.1.1 messages on. `make bench` measures it
// beside the brokers, and what it needs here, to what it needed on the machine that Dunlin's goals are of, says how fast this
// machine is. Decision 36 says why.
//
// It has the shape of Dunlin's data path: what one read has brought is handled whole, then each connection that is given
// something is written to once, and a connection that rests holds no buffer. It has nothing else: no sessions, users, limits or
// back-pressure, QoS 0 and 1 only, no filters but names and "prefix/#", and who leaves is still subscribed. It ends a
// connection that wants more. It is no broker; use it for nothing but this.
//
// Do not make it faster: what it needed there would have to be measured again. Two things are wasted as they were there,
// which cost a seventh at QoS 1 and a fifth of a connection: buffers for acknowledgements grow from nothing, and the one that a
// client's last packet was in is not used again.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1883", "host:port to listen on")
	flag.Parse()
	if err := run(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

// run serves until it is killed.
func run(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return newRelay().serve(l)
}
