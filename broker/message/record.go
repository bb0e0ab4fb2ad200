package message

import (
	"encoding/binary"
	"errors"
)

// recordVersion begins every record, so that a later layout can be told from this one.
const recordVersion = 1

var errRecord = errors.New("damaged message record")

// Append appends m as a record of the store: version, QoS and RETAIN, expiry, then topic,
// publisher, properties and payload, each with its length but for the last.
func Append(dst []byte, m *Message) []byte {
	flags := m.QoS << 1
	if m.Retain {
		flags |= 1
	}
	dst = append(dst, recordVersion, flags)
	dst = binary.AppendUvarint(dst, uint64(m.Expires))
	dst = appendString(dst, m.Topic)
	dst = appendString(dst, m.Publisher)
	dst = appendString(dst, m.Forward)
	return append(dst, m.Payload...)
}

func appendString[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Parse makes m the message of a record; its byte slices alias rec.
func Parse(rec []byte, m *Message) error { return ParseLike(rec, m, m) }

// ParseLike is Parse, and m shares the topic and the publisher of like where they are the same: those of
// a queue mostly are.
func ParseLike(rec []byte, m, like *Message) error {
	if len(rec) < 2 || rec[0] != recordVersion || rec[1]>>1 > 2 {
		return errRecord
	}
	topic, publisher := like.Topic, like.Publisher
	*m = Message{QoS: rec[1] >> 1, Retain: rec[1]&1 != 0}
	expires, n := binary.Uvarint(rec[2:])
	if n <= 0 {
		return errRecord
	}
	m.Expires = int64(expires)
	var fields [3][]byte
	rec = rec[2+n:]
	for i := range fields {
		size, n := binary.Uvarint(rec)
		if n <= 0 || size > uint64(len(rec)-n) {
			return errRecord
		}
		fields[i], rec = rec[n:n+int(size)], rec[n+int(size):]
	}
	m.Topic, m.Publisher, m.Forward, m.Payload = text(fields[0], topic), text(fields[1], publisher), fields[2], rec
	return nil
}

// text is b as a string: like, if that is the same.
func text(b []byte, like string) string {
	if string(b) == like {
		return like
	}
	return string(b)
}
