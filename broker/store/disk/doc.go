// Package disk is the store of one node: the records of all partitions in the log of package segment, the checkpoints and the retained
// records in a Pebble database beside it, in a folder that also has the lock, and what Stage has put there.
//
// Whatever is asked for goes into the batch that is being filled. One goroutine, the committer, takes that batch, writes it to the
// log with one fsync, applies to the database what of it is the database's, calls the callbacks in order, and takes the next that
// has been filled meanwhile: the busier the store, the more each fsync serves, and nothing waits for a timer. With Interval the fsync
// alone is put off, for a bounded time. A Write or a Checkpoint is never split over two batches. Sequence numbers are given by the
// committer, so that a batch that fails leaves no hole. Of the retained records the names are in memory, and as many of the records
// as a budget allows; one whose write is not durable always is.
//
// The database has no log of its own: what it had not written out when the process ended is applied to it from the log when it is
// opened. Records that are dropped are holes in the log; a file of it without anything that is needed goes, and what is needed
// of one that has little is moved to the database.
//
// An I/O error fails the batch that met it, and log and database are closed and opened again for the next: what a failed fsync
// leaves in the page cache is not to be trusted, so the log goes on behind what was synced. When the disk, or what the store may
// have of it, is almost full, what grows is refused before Pebble could trip over it, and what frees goes on down to half of the
// reserve. Where Pebble itself cannot go on, because it cannot write its manifest, it panics: the process ends, having acknowledged
// nothing that is not on the disk.
//
// Open changes nothing before it has seen that the database can be opened. It leaves out the torn end of the newest log, and refuses
// damage anywhere else by the name of the file. It migrates what an older program has written, and refuses what a newer has.
// Backup writes a consistent copy as a stream while writes go on; Stage makes a database of one beside the live, which the
// next Open puts in its place.
//
// The package never orders anything between partitions and knows no record's content. Only server opens it.
package disk
