package session

// puback takes a PUBACK that comes alone, and sends what it makes room for.
func puback(s *Session, id uint16, now int64) (Sink, bool) {
	ok := s.Puback(id)
	return resumed(s, ok, now), ok
}

// pubcomp is puback for PUBCOMP.
func pubcomp(s *Session, id uint16, now int64) (Sink, bool) {
	ok := s.Pubcomp(id)
	return resumed(s, ok, now), ok
}

// pubrec is puback for PUBREC.
func pubrec(s *Session, id uint16, failed bool, now int64) (ordinal uint64, stored bool, sink Sink, ok bool) {
	ordinal, stored, ok = s.Pubrec(id, failed)
	return ordinal, stored, resumed(s, ok && failed, now), ok
}

func resumed(s *Session, freed bool, now int64) Sink {
	if !freed {
		return nil
	}
	return s.Resume(now)
}
