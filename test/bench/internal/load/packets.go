package load

import "encoding/binary"

// The types of the packets that a client receives: the upper half of the first byte. MQTT 3.1.1 §2.2.1.
const (
	connack  = 2
	publish  = 3
	puback   = 4
	pubrec   = 5
	pubrel   = 6
	pubcomp  = 7
	suback   = 9
	pingresp = 13
)

var disconnectPacket = []byte{0xe0, 0}

// appendLength appends a Remaining Length. §2.2.3.
func appendLength(b []byte, n int) []byte {
	for ; n > 127; n >>= 7 {
		b = append(b, byte(n)|128)
	}
	return append(b, byte(n))
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// connectPacket asks for the longest keep alive, so that nobody has to ping.
func connectPacket(id string, clean bool) []byte {
	flags := byte(0)
	if clean {
		flags = 2
	}
	body := appendString(nil, "MQTT")
	body = append(body, 4, flags, 0xff, 0xff)
	body = appendString(body, id)
	return append(appendLength([]byte{0x10}, len(body)), body...)
}

func subscribePacket(id uint16, qos byte, filters ...string) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	for _, f := range filters {
		body = append(appendString(body, f), qos)
	}
	return append(appendLength([]byte{0x82}, len(body)), body...)
}

// publishPacket has packet identifier 0, if its QoS asks for one.
func publishPacket(topic string, qos byte, retain bool, payload []byte) []byte {
	body := appendString(nil, topic)
	if qos > 0 {
		body = append(body, 0, 0)
	}
	body = append(body, payload...)
	first := 0x30 | qos<<1
	if retain {
		first |= 1
	}
	return append(appendLength([]byte{first}, len(body)), body...)
}

// split takes the first packet off b: its first byte, what follows its length, and the rest. whole is false while b ends
// before the packet does.
func split(b []byte) (first byte, body, rest []byte, whole bool) {
	n, shift := 0, 0
	for i := 1; i < len(b) && i <= 4; i++ {
		n |= int(b[i]&127) << shift
		shift += 7
		if b[i] < 128 {
			if len(b) < i+1+n {
				break
			}
			return b[0], b[i+1 : i+1+n], b[i+1+n:], true
		}
	}
	return 0, nil, b, false
}

// payloadOf is the payload of a PUBLISH whose body this is.
func payloadOf(body []byte, qos byte) []byte {
	at := 2 + int(binary.BigEndian.Uint16(body))
	if qos > 0 {
		at += 2
	}
	return body[at:]
}

// identifierOf is the packet identifier of a PUBLISH of QoS 1 or 2, two bytes.
func identifierOf(body []byte) []byte {
	at := 2 + int(binary.BigEndian.Uint16(body))
	return body[at : at+2]
}
