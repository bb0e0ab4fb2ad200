package packet

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// maxVarint is the largest Variable Byte Integer. MQTT 5 §1.5.5.
const maxVarint = 268_435_455

// maxString is the largest string or binary field in bytes. MQTT 5 §1.5.4.
const maxString = 65_535

// AppendVarint appends n as a Variable Byte Integer in as few bytes as it needs
// [MQTT-1.5.5-1]. n is 0 to 268,435,455; what does not fit is the caller's mistake and
// is written as the largest value.
func AppendVarint(dst []byte, n int) []byte {
	u := uint32(min(max(n, 0), maxVarint))
	for u >= 0x80 {
		dst = append(dst, byte(u)|0x80)
		u >>= 7
	}
	return append(dst, byte(u))
}

// sizeVarint is the encoded size of n in bytes: 1 to 4.
func sizeVarint(n int) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<14:
		return 2
	case n < 1<<21:
		return 3
	}
	return 4
}

// varint reads a Variable Byte Integer off b: its value and size. Size 0: b ends before it does.
func varint(b []byte) (value, size int, err *Error) {
	for i := range min(len(b), 4) {
		value |= int(b[i]&0x7F) << (7 * i)
		if b[i] >= 0x80 {
			continue
		}
		if i > 0 && b[i] == 0 { // [MQTT-1.5.5-1]
			return 0, 0, malformed(clauseVarint, "variable byte integer takes more bytes than it needs")
		}
		return value, i + 1, nil
	}
	if len(b) >= 4 {
		return 0, 0, malformed("MQTT 5 §1.5.5", "variable byte integer of more than 4 bytes")
	}
	return 0, 0, nil
}

// AppendString appends s with its two-byte length. A string over 65,535 bytes is cut
// at the last whole character that fits.
func AppendString(dst []byte, s string) []byte {
	if len(s) > maxString {
		n := maxString
		for n > maxString-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

// AppendBinary appends b with its two-byte length. What is over 65,535 bytes is cut off.
func AppendBinary(dst []byte, b []byte) []byte {
	b = b[:min(len(b), maxString)]
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(b))), b...)
}

// beginPacket appends a fixed header whose length endPacket fills in; start is for endPacket.
func beginPacket(dst []byte, t Type, flags byte) (out []byte, start int) {
	return append(dst, byte(t)<<4|flags, 0), len(dst)
}

// endPacket completes the packet that began at start. A packet over MaxSize is taken
// back: nothing that can be appended would be correct.
func endPacket(dst []byte, start int) []byte {
	if len(dst)-start-2 > maxVarint {
		return dst[:start]
	}
	return endLength(dst, start+1)
}

// beginLength reserves the one byte that a short length takes; at is for endLength.
func beginLength(dst []byte) (out []byte, at int) { return append(dst, 0), len(dst) }

// endLength writes the size of all that follows at into it, making room when that
// takes more than one byte.
func endLength(dst []byte, at int) []byte {
	n := len(dst) - at - 1
	if n < 0x80 {
		dst[at] = byte(n)
		return dst
	}
	extra := sizeVarint(n) - 1
	dst = append(dst, "\x00\x00\x00"[:extra]...)
	copy(dst[at+1+extra:], dst[at+1:at+1+n])
	AppendVarint(dst[at:at], n) // in place: at has the room
	return dst
}

// topicClean says quickly that b is ASCII without U+0000 and wildcards. false says
// nothing: checkTopic has the last word.
func topicClean(b []byte) bool {
	if len(b) < 8 {
		for _, c := range b {
			if c == 0 || c >= 0x80 || c == '+' || c == '#' {
				return false
			}
		}
		return true
	}
	for i := 0; i < len(b)-8; i += 8 {
		if !wordClean(binary.LittleEndian.Uint64(b[i:])) {
			return false
		}
	}
	return wordClean(binary.LittleEndian.Uint64(b[len(b)-8:])) // the last 8, some of them again
}

// wordClean is topicClean of 8 bytes at once.
func wordClean(x uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	plus, hash := x^('+'*ones), x^('#'*ones)
	// given ASCII, subtracting one sets a byte's high bit only if the byte was zero
	return (x|(x-ones)|(plus-ones)|(hash-ones))&highs == 0
}

// checkTopic validates a Topic Name that is not empty; clause is what forbids wildcards in it.
func checkTopic(b []byte, what, clause string) *Error {
	if topicClean(b) {
		return nil
	}
	if e := checkUTF8(b, what); e != nil {
		return e
	}
	if bytes.ContainsAny(b, "+#") {
		return &Error{Reason: TopicNameInvalid, Clause: clause, Detail: what + " has a wildcard"}
	}
	return nil
}

// checkUTF8 validates a UTF-8 Encoded String.
func checkUTF8(b []byte, what string) *Error {
	if !utf8.Valid(b) { // [MQTT-1.5.4-1]
		return malformed(clauseUTF8, what+" is not well-formed UTF-8")
	}
	if bytes.IndexByte(b, 0) >= 0 { // [MQTT-1.5.4-2]
		return malformed(clauseNull, what+" has a U+0000")
	}
	return nil
}
