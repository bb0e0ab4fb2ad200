// Package store is the seam between the broker and whatever keeps its durable state: sessions, their queued
// messages and subscriptions as records of partition logs, and retained messages.
//
// Sessions hash to Partitions (PartitionOf). A partition is one ordered log with a single writer, and a
// checkpoint: key-value pairs that stand for all records before a sequence number, so that a replay is Load and then
// Read from there. A topic's retained message is one record outside the partitions, found by topic filter.
//
// The package knows no record's content: what a record means is its writer's affair. It never orders
// anything between partitions, and a backend takes no lock of its caller's.
//
// Backends: memory (nothing survives the process) and disk (one node, on Pebble); storetest holds each to the same
// contract. Only server calls them.
package store
