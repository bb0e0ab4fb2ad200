// Package segment is the log of the disk store: an append-only sequence of files in a folder, which hold the records of all
// partitions and, as pairs, what else a commit changes. It is what an acknowledgement waits for: one write and one sync a commit.
//
// A file is a sequence of blocks, each with a header, a CRC-32C and the number of its file. The first, the head, says where the file
// before it ends, so that what lies behind that end, be it the torn rest of a write or what a failed sync left, is of no account. A
// commit is some blocks, of which the last says that it is: it is there whole or not at all. The records of a partition are
// together in blocks of about 32 KiB. A file that is full ends with the index of its records; of others that is made by
// reading them once.
//
// The index in memory has a place every 64 KiB of a partition's records, so that it costs about a byte a record. Reading is
// in pieces of 64 KiB, in order.
//
// Open reads and changes nothing. It tells a torn tail, which it cuts off, from damage, which is an error with file and offset: every
// block says how much of its file had been synced before, so what is invalid below that was not torn. Begin makes the file that is
// written to, in the place of the newest if that is empty. After an error nothing more is written: the log is opened again, with the
// Cut that the failed one tells.
//
// The package does not know what records or pairs mean, nor which records nobody needs any more: its caller removes files. Only
// disk calls it; any number of goroutines may read while one writes.
package segment
