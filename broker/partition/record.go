package partition

import (
	"encoding/binary"
	"fmt"
)

// kind is the first byte of a record. The numbers are the on-disk format.
type kind byte

const (
	kindAttach      kind = 1  // a client connected: the session exists
	kindDetach      kind = 2  // its connection ended
	kindEnd         kind = 3  // the session ended
	kindSubscribe   kind = 4  //
	kindUnsubscribe kind = 5  //
	kindMessage     kind = 6  // stored for some sessions
	kindDone        kind = 7  // a session is done with some messages
	kindArrived     kind = 8  // PUBREC: the client has the message
	kindInbound     kind = 9  // an inbound QoS 2 packet identifier is taken
	kindInboundDone kind = 10 // PUBREL: it is free again
	kindWillSent    kind = 11 // the will of the last connection has been published
)

// Attach is a client's connection to its session. Epoch tells this session from earlier ones of the
// same client identifier.
type Attach struct {
	Client, Username string
	Epoch            uint64
	Will             *Will  // nil: none
	Expiry           uint32 // seconds; 0: the session ends with the connection
	Anonymous        bool
}

// Will is the message to be published if the client goes without saying so. MQTT 5 §3.1.2.5.
type Will struct {
	Delay     uint32 // seconds after the connection's end
	Expiry    uint32 // seconds from publication, if HasExpiry
	HasExpiry bool
	Message   []byte // as message.Append encodes it
}

// Subscription is one filter of a session.
type Subscription struct {
	Filter                     string
	ID                         uint32 // subscription identifier; 0: none
	QoS                        byte
	NoLocal, RetainAsPublished bool
}

// Recipient is a session that a message is stored for.
type Recipient struct {
	Client string
	Epoch  uint64
	QoS    byte
	Retain bool
	IDs    []uint32 // subscription identifiers
	Share  string   // filter of the shared subscription that it gets the message by; "": it has one of its own
}

// AppendAttach appends the record of a connection.
func AppendAttach(dst []byte, a *Attach) []byte {
	dst = appendString(append(dst, byte(kindAttach)), a.Client)
	return a.append(dst)
}

func (a *Attach) append(dst []byte) []byte {
	dst = appendString(dst, a.Username)
	dst = append(dst, flag(a.Anonymous, 1))
	dst = binary.AppendUvarint(dst, a.Epoch)
	dst = binary.AppendUvarint(dst, uint64(a.Expiry))
	w := a.Will
	if w == nil {
		return append(dst, 0)
	}
	dst = append(dst, 1|flag(w.HasExpiry, 2))
	dst = binary.AppendUvarint(dst, uint64(w.Delay))
	dst = binary.AppendUvarint(dst, uint64(w.Expiry))
	return appendString(dst, w.Message)
}

func (a *Attach) parse(p *parser) {
	a.Username = p.string()
	a.Anonymous = p.byte() != 0
	a.Epoch = p.uint()
	a.Expiry = uint32(p.uint())
	a.Will = nil
	if has := p.byte(); has != 0 {
		a.Will = &Will{HasExpiry: has&2 != 0, Delay: uint32(p.uint()), Expiry: uint32(p.uint()), Message: []byte(p.string())}
	}
}

// AppendDetach appends the record of a connection's end at a time in Unix milliseconds. expiry is
// the session's from then on, in seconds: DISCONNECT may have changed it. will says whether the
// connection's will is due still. Messages with ordinals below sent have been sent.
func AppendDetach(dst []byte, client string, at int64, expiry uint32, will bool, sent uint64) []byte {
	dst = binary.AppendUvarint(appendString(append(dst, byte(kindDetach)), client), uint64(at))
	dst = append(binary.AppendUvarint(dst, uint64(expiry)), flag(will, 1))
	return binary.AppendUvarint(dst, sent)
}

// AppendWillSent appends the record that the will of the client's last connection has been published.
func AppendWillSent(dst []byte, client string) []byte {
	return appendString(append(dst, byte(kindWillSent)), client)
}

// AppendEnd appends the record of a session's end.
func AppendEnd(dst []byte, client string) []byte {
	return appendString(append(dst, byte(kindEnd)), client)
}

// AppendSubscribe appends the record of new or changed subscriptions.
func AppendSubscribe(dst []byte, client string, subs []Subscription) []byte {
	dst = appendString(append(dst, byte(kindSubscribe)), client)
	return appendSubscriptions(dst, subs)
}

func appendSubscriptions(dst []byte, subs []Subscription) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(subs)))
	for i := range subs {
		s := &subs[i]
		dst = appendString(dst, s.Filter)
		dst = binary.AppendUvarint(dst, uint64(s.ID))
		dst = append(dst, s.QoS|flag(s.NoLocal, 4)|flag(s.RetainAsPublished, 8))
	}
	return dst
}

func (p *parser) subscriptions() []Subscription {
	subs := make([]Subscription, p.count(3))
	for i := range subs {
		s := &subs[i]
		s.Filter = p.string()
		s.ID = uint32(p.uint())
		options := p.byte()
		s.QoS, s.NoLocal, s.RetainAsPublished = options&3, options&4 != 0, options&8 != 0
	}
	return subs
}

// AppendUnsubscribe appends the record of filters given up.
func AppendUnsubscribe(dst []byte, client string, filters []string) []byte {
	dst = appendString(append(dst, byte(kindUnsubscribe)), client)
	dst = binary.AppendUvarint(dst, uint64(len(filters)))
	for _, f := range filters {
		dst = appendString(dst, f)
	}
	return dst
}

// AppendMessage appends the head of a message's record for n recipients; the message itself, as
// message.Append encodes it, follows. The head begins with its length, so that the body is found
// without reading it.
func AppendMessage(dst []byte, n int, recipient func(i int) *Recipient) []byte {
	dst = append(dst, byte(kindMessage), 0, 0, 0, 0)
	from := len(dst)
	dst = binary.AppendUvarint(dst, uint64(n))
	for i := range n {
		r := recipient(i)
		dst = appendString(dst, r.Client)
		dst = binary.AppendUvarint(dst, r.Epoch)
		dst = append(dst, r.QoS|flag(r.Retain, 4)|flag(r.Share != "", 8))
		dst = appendIDs(dst, r.IDs)
		if r.Share != "" {
			dst = appendString(dst, r.Share)
		}
	}
	binary.BigEndian.PutUint32(dst[from-4:], uint32(len(dst)-from))
	return dst
}

// Body is the message in a message's record, as message.Append has encoded it; it aliases rec.
func Body(rec []byte) ([]byte, error) {
	p := &parser{rest: rec}
	if kind(p.byte()) != kindMessage {
		p.fail("it is not that of a message")
	}
	p.head()
	return p.rest, p.err
}

// head takes the head of a message's record, without its kind.
func (p *parser) head() []byte {
	if len(p.rest) < 4 {
		p.fail("it ends early")
		return nil
	}
	n := binary.BigEndian.Uint32(p.rest)
	if uint64(n) > uint64(len(p.rest)-4) {
		p.fail("bad length")
		return nil
	}
	head := p.rest[4 : 4+n]
	p.rest = p.rest[4+n:]
	return head
}

func (p *parser) recipients() []Recipient {
	rs := make([]Recipient, p.count(4))
	for i := range rs {
		r := &rs[i]
		r.Client = p.string()
		r.Epoch = p.uint()
		options := p.byte()
		r.QoS, r.Retain = options&3, options&4 != 0
		r.IDs = p.ids()
		if options&8 != 0 {
			r.Share = p.string()
		}
	}
	return rs
}

// AppendDone appends the record that a session is done with the messages of these ordinals: runs of
// consecutive ones, each as the distance from the end of the run before and its length. It is written
// at leisure: epoch says which session it is of.
func AppendDone(dst []byte, client string, epoch uint64, ordinals []uint64) []byte {
	dst = binary.AppendUvarint(appendString(append(dst, byte(kindDone)), client), epoch)
	end := uint64(0)
	for i := 0; i < len(ordinals); {
		n := 1
		for i+n < len(ordinals) && ordinals[i+n] == ordinals[i]+uint64(n) {
			n++
		}
		dst = binary.AppendVarint(dst, int64(ordinals[i]-end)) // wraps around and back
		dst = binary.AppendUvarint(dst, uint64(n))
		end = ordinals[i] + uint64(n)
		i += n
	}
	return dst
}

// runs calls fn for the runs of ordinals that AppendDone has encoded: the first, and how many.
func (p *parser) runs(fn func(first, n uint64)) {
	end := uint64(0)
	for len(p.rest) > 0 {
		first := end + uint64(p.int())
		n := p.uint()
		if p.err != nil {
			return
		}
		fn(first, n)
		end = first + n
	}
}

// AppendArrived appends the record that the client has the QoS 2 message of this ordinal.
func AppendArrived(dst []byte, client string, ordinal uint64) []byte {
	return binary.AppendUvarint(appendString(append(dst, byte(kindArrived)), client), ordinal)
}

// AppendInbound appends the record that an inbound QoS 2 packet identifier is taken, or free again, in
// the session of an epoch.
func AppendInbound(dst []byte, client string, epoch uint64, id uint16, free bool) []byte {
	k := kindInbound
	if free {
		k = kindInboundDone
	}
	dst = binary.AppendUvarint(appendString(append(dst, byte(k)), client), epoch)
	return binary.AppendUvarint(dst, uint64(id))
}

func appendString[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendIDs(dst []byte, ids []uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ids)))
	for _, id := range ids {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	return dst
}

func flag(b bool, bit byte) byte {
	if b {
		return bit
	}
	return 0
}

// parser reads a record; after a failure everything it returns is zero.
type parser struct {
	rest []byte
	err  error
}

func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("damaged record: %s", what)
	}
	p.rest = nil
}

func (p *parser) byte() byte {
	if len(p.rest) == 0 {
		p.fail("it ends early")
		return 0
	}
	b := p.rest[0]
	p.rest = p.rest[1:]
	return b
}

func (p *parser) uint() uint64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.fail("bad number")
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *parser) int() int64 {
	v, n := binary.Varint(p.rest)
	if n <= 0 {
		p.fail("bad number")
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

// count is the length of a list whose items are of at least size bytes each.
func (p *parser) count(size int) int {
	n := p.uint()
	if n > uint64(len(p.rest)/size) {
		p.fail("bad count")
		return 0
	}
	return int(n)
}

func (p *parser) string() string {
	n := p.count(1)
	s := string(p.rest[:n])
	p.rest = p.rest[n:]
	return s
}

func (p *parser) ids() []uint32 {
	n := p.count(1)
	if n == 0 {
		return nil
	}
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(p.uint())
	}
	return ids
}
