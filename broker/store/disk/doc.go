// Package disk is the store of one node: every partition's log, the checkpoints and the retained records in one Pebble
// database, which is a folder.
//
// Whatever is asked for goes, copied, into the batch that is being filled. One goroutine, the committer, takes that batch, writes
// it with one fsync, calls the callbacks in order, and takes the next that has been filled meanwhile: the busier the
// store, the more each fsync serves, and nothing waits for a timer. Sequence numbers are given by the committer, so that
// a batch that fails leaves no hole. The retained records are in memory too: that is where they are found.
//
// An I/O error fails the batch that met it, and the database is closed and opened again for the next: what a failed fsync
// leaves in the page cache is not to be trusted. When the disk is almost full, what needs room is refused before Pebble
// could trip over it, and trims go on. Where Pebble itself cannot go on, because it can neither make a new log nor a manifest,
// it panics: the process ends, having acknowledged nothing that is not on the disk.
//
// The package never orders anything between partitions and knows no record's content. Only server opens it.
package disk
