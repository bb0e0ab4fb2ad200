// Package gateway serves a broker's console on this machine: it passes what a browser asks for on to the admin API, with
// credentials of its own, and the WebSocket of the page's MQTT client on to a listener of any kind.
//
// Whoever can open a port of this machine could ride on those credentials. So the console is below a path that is a
// secret, which is handed over by a link that works once, and a request has to be for this address, and from a page of it. It
// keeps nothing, and asks nothing of the broker by itself. The command console uses it.
package gateway
