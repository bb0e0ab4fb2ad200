package packet

// AppendPingreq appends a PINGREQ. MQTT 5 §3.12. Next validates a received one whole.
func AppendPingreq(dst []byte) []byte { return append(dst, byte(TypePingreq)<<4, 0) }

// AppendPingresp appends a PINGRESP. MQTT 5 §3.13.
func AppendPingresp(dst []byte) []byte { return append(dst, byte(TypePingresp)<<4, 0) }
