// Package disk is the store of one node: every partition's log, the checkpoints and the retained records in one Pebble
// database, in a folder that also has the lock, and what Stage has put there.
//
// Whatever is asked for goes into the batch that is being filled. One goroutine, the committer, takes that batch, writes it with
// one fsync, calls the callbacks in order, and takes the next that has been filled meanwhile: the busier the store, the more
// each fsync serves, and nothing waits for a timer. With Interval the fsync alone is put off, for a bounded time. A Write or
// a Checkpoint is never split over two batches. Sequence numbers are given by the committer, so that a batch that fails leaves
// no hole. Of the retained records the names are in memory, and as many of the records as a budget allows; one whose write is
// not durable always is.
//
// An I/O error fails the batch that met it, and the database is closed and opened again for the next: what a failed fsync
// leaves in the page cache is not to be trusted. When the disk, or what the store may have of it, is almost full, what grows is
// refused before Pebble could trip over it, and what frees goes on down to half of the reserve. Where Pebble itself cannot go
// on, because it can neither make a new log nor a manifest, it panics: the process ends, having acknowledged nothing that is not
// on the disk.
//
// Open changes nothing before it has seen that the database can be opened. It cuts off the torn end of the newest log, and refuses
// damage anywhere else by the name of the file. It migrates what an older program has written, and refuses what a newer has.
// Backup writes a consistent copy as a stream while writes go on; Stage makes a database of one beside the live, which the
// next Open puts in its place.
//
// The package never orders anything between partitions and knows no record's content. Only server opens it.
package disk
