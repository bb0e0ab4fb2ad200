// Command bench measures what durability costs: it runs dunlin-broker as a process, talks MQTT to it over TCP, and reads
// from /proc what the process has used. `make bench` runs it and writes the table into docs/performance.md.
//
// The generator runs on one processor (GOMAXPROCS 1) beside the broker; on a machine with two cores, -pin gives each one of
// its own. It judges nothing: numbers depend on the machine, and goals are printed beside them.
package main
