// Package console is the web page that the admin port serves: what a broker does now, its clients, topics, access rules,
// a trace of packets, and a client to try it with.
//
// The page is TypeScript, in src; what `make console` builds of it is kept in dist and is part of the program. It asks the
// admin API for all that it shows, with the credentials that its user has given: this package knows nothing of a broker,
// has no state, and answers with the same bytes to everybody. Package admin serves it, and `kubectl-mqtt console` does.
package console
