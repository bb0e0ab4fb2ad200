package load

// Beside is what else a broker holds while Pairs run on it.
type Beside struct {
	Retained int // messages
	Idle     int // connections
}

// Grown is a Flow beside what a broker holds.
type Grown struct {
	Flow
	Bytes float64 // of the broker's memory for what is beside; 0 for nothing
}

// PairsBeside is Pairs on a broker that holds much else.
func (t Target) PairsBeside(b Beside, n, window int) (Grown, error) {
	l, done, err := t.loop()
	if err != nil {
		return Grown{}, err
	}
	defer done()
	before, err := t.resident(l)
	if err != nil {
		return Grown{}, err
	}
	g := Grown{}
	if err := t.grow(l, b); err != nil {
		return g, err
	}
	after, err := t.resident(l)
	if err != nil {
		return g, err
	}
	g.Bytes = after - before
	pubs, err := l.pairs(t, 0, n, window, 2)
	if err != nil {
		return g, err
	}
	g.Flow, err = l.flow(t, pubs)
	return g, err
}

func (t Target) grow(l *Loop, b Beside) error {
	if b.Retained > 0 {
		if _, err := t.retain(l, b.Retained); err != nil {
			return err
		}
	}
	return l.idle(b.Idle, false)
}
