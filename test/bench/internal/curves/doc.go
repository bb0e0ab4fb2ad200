// Package curves measures how Dunlin's costs grow: with processors, subscriptions, retained messages, idle connections,
// payload, fan-out and topic depth. Each curve is a small table and a plot. Only test/bench calls it.
package curves
