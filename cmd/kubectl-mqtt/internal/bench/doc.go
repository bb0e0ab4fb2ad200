// Package bench is a small load test of a broker: publishers send messages of one size at a rate, subscribers receive all of
// them, and a result says what was sent, taken, received and lost, how long it took on its way, and what that cost whom.
//
// It is a tool to see that a broker and the way to it can do what they have to, not to compare brokers: it is often this program
// that is slowest, and the result says when. The command bench calls it.
package bench
