package store

// Partitions is the number of partitions that sessions hash to. It is part of the on-disk format.
const Partitions = 32

// PartitionOf is the partition of the session of clientID: its 32-bit FNV-1a hash modulo Partitions. It is part of
// the on-disk format, and the same on every node.
func PartitionOf(clientID string) int {
	const (
		offset = 2166136261
		prime  = 16777619
	)
	h := uint32(offset)
	for i := range len(clientID) {
		h = (h ^ uint32(clientID[i])) * prime
	}
	return int(h % Partitions)
}
