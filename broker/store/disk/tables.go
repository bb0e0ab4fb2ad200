package disk

import "github.com/cockroachdb/pebble/v2"

// tableSpan makes each partition's log end in tables of its own, as what else there is does. Logs only grow at their ends: such a
// table overlaps no older one, and is moved down the levels or dropped whole, where a mixed one would be merged over and over.
func tableSpan(start []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	switch {
	case len(start) == 0:
		return policy, nil, nil // no key is empty
	case len(start) > 1 && start[0] == logPrefix:
		return policy, []byte{logPrefix, start[1] + 1}, nil
	}
	return policy, []byte{start[0] + 1}, nil
}
