package session

// aliasSize is what a topic alias takes in a PUBLISH, in bytes: a topic no longer than that gets none.
const aliasSize = 3

// naming is how a PUBLISH names its topic: by its name alone if alias is 0, by both if the alias is
// new, else by the alias alone. MQTT 5 §3.3.2.3.4.
type naming struct {
	alias uint16
	fresh bool
}

// aliases are the topic aliases of one connection's outbound messages. The first topics get them;
// once all are taken, those that are in use stay. A topic without one passes the next alias on: an
// alias that has been used since it was passed last is spared, any other is taken over. So steady
// topics keep theirs beside a stream of new ones, which get plain messages for the most part.
//
// An alias belongs to the first packet that has it: assign is called for what is written only, in
// the order of writing. nil has no aliases; new ones begin with each connection. [MQTT-3.3.2-7]
type aliases struct {
	max   int // at most 65535 [MQTT-3.1.2-26]
	slots []aliasSlot
	known map[string]uint16
	last  uint16 // found last; 0: none
	hand  int    // the slot that is passed next
}

// aliasSlot is alias 1 and so on.
type aliasSlot struct {
	topic string
	used  bool
}

// newAliases are those of a connection whose client takes so many; nil: none. [MQTT-3.1.2-27]
func newAliases(maximum uint16) *aliases {
	if maximum == 0 {
		return nil
	}
	return &aliases{max: int(maximum)}
}

// find returns how a topic is named by what has been written.
func (a *aliases) find(topic string) naming {
	if a == nil {
		return naming{}
	}
	if a.last == 0 || a.slots[a.last-1].topic != topic {
		n, ok := a.known[topic]
		if !ok {
			return naming{}
		}
		a.last = n
	}
	a.slots[a.last-1].used = true
	return naming{alias: a.last}
}

// assign gives a topic that has none an alias, if it may have one. The next PUBLISH written has it.
func (a *aliases) assign(topic string) naming {
	slot := aliasSlot{topic: topic, used: true}
	switch {
	case len(topic) <= aliasSize:
		return naming{}
	case len(a.slots) < a.max:
		if a.known == nil {
			a.known = make(map[string]uint16)
		}
		a.slots = append(a.slots, slot)
		a.last = uint16(len(a.slots))
	default:
		at := a.hand
		a.hand = (a.hand + 1) % a.max
		if a.slots[at].used {
			a.slots[at].used = false
			return naming{}
		}
		delete(a.known, a.slots[at].topic)
		a.slots[at] = slot
		a.last = uint16(at + 1)
	}
	a.known[topic] = a.last
	return naming{alias: a.last, fresh: true}
}
