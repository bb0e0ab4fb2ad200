package store

import "fmt"

// MaxRecordBytes is the size of the largest Write, and of the largest checkpoint.
const MaxRecordBytes = 512 << 20

// CheckSize is for backends: an error if a Write or checkpoint of so many bytes is larger than MaxRecordBytes.
func CheckSize(bytes int) error {
	if bytes > MaxRecordBytes {
		return fmt.Errorf("it has %d bytes, and %d are allowed", bytes, MaxRecordBytes)
	}
	return nil
}

// KVSize is the size of a checkpoint's pairs, in bytes.
func KVSize(kvs []KV) int {
	n := 0
	for _, kv := range kvs {
		n += len(kv.Key) + len(kv.Value)
	}
	return n
}

// Size is the size of all records in w, in bytes.
func (w *Write) Size() int {
	n := 0
	for i := range w.Records {
		n += len(w.Records[i].Data)
	}
	for i := range w.Retain {
		n += len(w.Retain[i].Topic) + len(w.Retain[i].Record)
	}
	return n
}
