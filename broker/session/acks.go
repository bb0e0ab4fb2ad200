package session

// Acknowledgements make room; what waits for it is sent by Resume, once for all that have come together.

// Puback takes a client's PUBACK. ok is false if no QoS 1 message of that identifier awaits one.
func (s *Session) Puback(id uint16) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(id)
	if e == nil || e.qos != 1 {
		return false
	}
	s.release(e)
	return true
}

// Pubrec takes a client's PUBREC. A failure ends the exchange; a success awaits PUBCOMP, and the
// caller answers with PUBREL, also to a PUBREC that is a repetition. If stored is true, that the
// message with this ordinal has arrived has to be stored first. [MQTT-4.3.3-4]
func (s *Session) Pubrec(id uint16, failed bool) (ordinal uint64, stored, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(id)
	if e == nil || e.qos != 2 {
		return 0, false, false
	}
	if failed {
		s.release(e)
		return 0, false, true
	}
	stored = s.logged         // also at a repetition: the first may be on its way to the log still
	if e.state == awaitSend { // of an earlier connection, and answered before it could be sent again
		s.unsent--
		s.unacked++
	}
	e.state, e.msg, e.subIDs = awaitComp, nil, nil
	return e.ordinal, stored, true
}

// Pubcomp takes a client's PUBCOMP. ok is false if none was awaited.
func (s *Session) Pubcomp(id uint16) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(id)
	if e == nil || e.state != awaitComp {
		return false
	}
	s.release(e)
	return true
}

// release finishes an entry in flight.
func (s *Session) release(e *entry) {
	s.finish(e)
	s.popDone()
}

// Receive notes the packet identifier of an inbound QoS 2 PUBLISH, and says whether it is new: one
// that is not has been published already and is only acknowledged again. [MQTT-4.3.3-10]
func (s *Session) Receive(id uint16) (fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receive(id)
}

func (s *Session) receive(id uint16) (fresh bool) {
	if _, taken := s.received[id]; taken {
		return false
	}
	n := s.note()
	if n.received == nil {
		n.received = make(map[uint16]struct{})
	}
	n.received[id] = struct{}{}
	return true
}

// SetReceived says which packet identifiers of inbound QoS 2 messages are taken, in place of what Receive has noted.
func (s *Session) SetReceived(ids []uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note().received = nil
	for _, id := range ids {
		s.receive(id)
	}
}

// Receiving says whether the packet identifier of an inbound QoS 2 message is taken.
func (s *Session) Receiving(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, taken := s.received[id]
	return taken
}

// Release frees the packet identifier of an inbound QoS 2 message at its PUBREL.
func (s *Session) Release(id uint16) (known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known = s.received[id]
	delete(s.received, id)
	return known
}
