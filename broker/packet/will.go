package packet

// Will is the message that the server publishes for a client that is lost. MQTT 5
// §3.1.2.5 and §3.1.3.2. It owns all its memory.
type Will struct {
	Topic   string // not empty, no wildcards
	Payload []byte
	QoS     byte
	Retain  bool
	// The rest is MQTT 5's.
	Delay     uint32 // will delay interval in seconds
	Expiry    uint32 // message expiry interval in seconds, if HasExpiry
	HasExpiry bool
	Forward   []byte // as Publish.Forward
}

// parse reads the will properties, topic and payload [MQTT-3.1.3-1].
func (w *Will) parse(d *decoder, v Version) {
	if v >= V5 {
		ps := d.properties(inWill)
		for ps.next() {
			switch ps.id {
			case propWillDelay:
				w.Delay = ps.num
			case propMessageExpiry:
				w.Expiry, w.HasExpiry = ps.num, true
			default:
				w.Forward = append(w.Forward, ps.raw...)
			}
		}
		if ps.err != nil {
			ps.err.Detail = "will: " + ps.err.Detail
		}
		d.close(&ps)
	}
	w.Topic = d.topic("will topic") // [MQTT-3.1.3-11]
	w.Payload = d.binary("will payload")
}

func (w *Will) append(dst []byte, v Version) []byte {
	if v >= V5 {
		var at int
		dst, at = beginLength(dst)
		if w.Delay != 0 {
			dst = appendProp32(dst, propWillDelay, w.Delay)
		}
		if w.HasExpiry {
			dst = appendProp32(dst, propMessageExpiry, w.Expiry)
		}
		dst = endLength(append(dst, w.Forward...), at)
	}
	return AppendBinary(AppendString(dst, w.Topic), w.Payload)
}
