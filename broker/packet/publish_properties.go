package packet

// PublishProperties is a message's Forward, decoded. MQTT 5 §3.3.2.3.
type PublishProperties struct {
	PayloadFormat   *byte  // 0: bytes, 1: UTF-8; nil: not given
	ContentType     string // "": not given
	ResponseTopic   string // "": not given
	CorrelationData []byte // nil: not given; empty: given and empty
	User            []UserProperty
}

// Properties decodes Forward into memory of its own. It fails only if the caller put
// something malformed there.
func (p *Publish) Properties() (PublishProperties, error) { return decodeForward(p.Forward) }

// Properties decodes Forward, like Publish's.
func (w *Will) Properties() (PublishProperties, error) { return decodeForward(w.Forward) }

func decodeForward(forward []byte) (PublishProperties, error) {
	var out PublishProperties
	ps := properties{rest: forward, in: inPublish}
	for ps.next() {
		switch ps.id {
		case propPayloadFormat:
			b := byte(ps.num)
			out.PayloadFormat = &b
		case propContentType:
			out.ContentType = string(ps.data)
		case propResponseTopic:
			out.ResponseTopic = string(ps.data)
		case propCorrelationData:
			out.CorrelationData = clone(ps.data)
		case propUser:
			out.User = append(out.User, ps.user())
		default:
			ps.fail(malformed(clauseProperty, rules[ps.id].name+" is not a property to forward"))
		}
	}
	if ps.err != nil {
		return PublishProperties{}, inPublishError(ps.err)
	}
	return out, nil
}

// PayloadFormat is the Payload Format Indicator in a Forward: 1 says that the payload is UTF-8, 0, as
// where none is given, that it is bytes. It allocates nothing. MQTT 5 §3.3.2.3.2.
func PayloadFormat(forward []byte) byte {
	ps := properties{rest: forward, in: inPublish}
	for ps.next() {
		if ps.id == propPayloadFormat {
			return byte(ps.num)
		}
	}
	return 0
}

// UserValue is the value of the first user property of that name in a Forward, not copied; nil: there is none. It allocates
// nothing. MQTT 5 §3.3.2.3.7.
func UserValue(forward []byte, name string) []byte {
	ps := properties{rest: forward, in: inPublish}
	for ps.next() {
		if ps.id == propUser && string(ps.data) == name {
			return ps.value
		}
	}
	return nil
}

// AppendForward appends the encoding of p as Publish.Forward wants it.
func AppendForward(dst []byte, p *PublishProperties) []byte {
	if p.PayloadFormat != nil {
		dst = appendProp8(dst, propPayloadFormat, *p.PayloadFormat)
	}
	dst = appendPropString(dst, propContentType, p.ContentType)
	dst = appendPropString(dst, propResponseTopic, p.ResponseTopic)
	dst = appendPropBinary(dst, propCorrelationData, p.CorrelationData)
	return appendUser(dst, p.User)
}
