package server

import (
	"sync"
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/session"
)

// moveMost is how many messages the mover moves before it looks at what else there is to do.
const moveMost = 256

// mover gives messages of shared subscriptions to other members than those who have them: when a member's
// connection ends, when it unsubscribes, when its session ends, and when one comes to whom those who are
// away can leave theirs. It is a goroutine that lives while there are errands.
type mover struct {
	tasks goroutines

	mu       sync.Mutex // guards what follows, and group.due
	errands  []*errand
	recalled map[recalled]struct{} // those of the errands that take back what a client has of a group
	running  bool
	closing  bool                // the server is about to stop: only messages that nobody has are moved, at last
	starving map[*group]struct{} // their connected members have no room for what waits at others
	starved  atomic.Int32        // how many those are
}

// errand is something to move: hand, or else what the log or the memory has for from, or else what is
// there for members of group who are away.
type errand struct {
	group *group
	from  *client
	ends  chan error // from's session ends then, and this is told how that went; nil: it does not
	hand  []session.Shared
	ack   *pendingAck // of which a part is done then; nil: none
}

// recalled is a client that has given up a shared subscription.
type recalled struct {
	client *client
	group  *group
}

// add takes an errand.
func (s *shares) add(e *errand) {
	s.mover.mu.Lock()
	defer s.mover.mu.Unlock()
	if s.closing && !e.final() {
		return
	}
	s.errands = append(s.errands, e)
	s.run()
}

// takeBack moves what a client has of a group that it is no member of any more. However often it is asked to, that is one
// errand.
func (s *shares) takeBack(cl *client, g *group) {
	s.mover.mu.Lock()
	defer s.mover.mu.Unlock()
	key := recalled{cl, g}
	if _, before := s.recalled[key]; before || s.closing {
		return
	}
	s.recalled[key] = struct{}{}
	s.errands = append(s.errands, &errand{from: cl, group: g})
	s.run()
}

// final says whether an errand is run even if the server is about to stop: nobody else has the messages.
// Another's are stored with the session that has them, or go with it. One that is not run is over then.
func (e *errand) final() bool {
	if e.ends != nil {
		e.ends <- errNotStored
	}
	return len(e.hand) > 0
}

// run sees to it that the errands are run. The mover's lock is held.
func (s *shares) run() {
	if !s.running && !s.closing && len(s.errands) > 0 {
		s.running = true
		s.tasks.start(s.runErrands)
	}
}

// rebalance moves what waits at members of g who are away to those who are connected.
func (s *shares) rebalance(g *group) {
	s.mover.mu.Lock()
	defer s.mover.mu.Unlock()
	if !g.due && !s.closing {
		g.due = true
		s.errands = append(s.errands, &errand{group: g})
		s.run()
	}
}

// roomier is called when a member has acknowledged something: there may be room for what waits at others.
func (s *shares) roomier() {
	if s.starved.Load() == 0 {
		return
	}
	s.mover.mu.Lock()
	waiting := make([]*group, 0, len(s.starving))
	for g := range s.starving {
		waiting = append(waiting, g)
	}
	s.mover.mu.Unlock()
	for _, g := range waiting {
		s.rebalance(g)
	}
}

// starve says whether g's connected members have no room for what waits at others.
func (s *shares) starve(g *group, now bool) {
	s.mover.mu.Lock()
	defer s.mover.mu.Unlock()
	if _, before := s.starving[g]; before == now {
		return
	}
	if now {
		s.starving[g] = struct{}{}
		s.starved.Add(1)
		return
	}
	delete(s.starving, g)
	s.starved.Add(-1)
}

// close begins the end: members go one after another, and do not hand on what they have.
func (s *shares) close() {
	s.mover.mu.Lock()
	defer s.mover.mu.Unlock()
	s.closing = true
	left := s.errands[:0]
	for _, e := range s.errands {
		if e.final() {
			left = append(left, e)
		}
	}
	clear(s.errands[len(left):])
	s.errands = left
}

// stop runs what is left, when all connections have ended.
func (s *shares) stop() {
	s.tasks.wait()
	s.runErrands()
}

// runErrands runs errands, each for a while, until there are none.
func (s *shares) runErrands() {
	for {
		s.mover.mu.Lock()
		if len(s.errands) == 0 {
			s.errands, s.running = nil, false
			s.mover.mu.Unlock()
			return
		}
		e := s.errands[0]
		s.errands[0] = nil
		s.errands = s.errands[1:]
		switch {
		case e.group == nil:
		case e.from == nil:
			e.group.due = false
		default:
			delete(s.recalled, recalled{e.from, e.group})
		}
		dropped := s.closing && !e.final()
		s.mover.mu.Unlock()
		switch {
		case dropped:
		case len(e.hand) > 0:
			s.hand(e)
		case e.ends != nil:
			s.inherit(e)
		case e.from != nil:
			s.take(e.from, e.group)
		default:
			s.balance(e.group)
		}
	}
}

// hand gives messages that no session has to members, and goes on with the rest later.
func (s *shares) hand(e *errand) {
	n := min(len(e.hand), moveMost)
	b := s.srv.newBatch(s.srv.now())
	for i := range e.hand[:n] {
		s.handOne(b, &e.hand[i], e.ack)
	}
	b.end()
	if e.hand = e.hand[n:]; len(e.hand) > 0 {
		s.later(e)
	}
}

// later has the mover go on with an errand after the others.
func (s *shares) later(e *errand) {
	s.mover.mu.Lock()
	defer s.mover.mu.Unlock()
	s.errands = append(s.errands, e)
}

func (s *shares) handOne(b *batch, m *session.Shared, a *pendingAck) {
	b.out.Reset(m.Message, true, b.now)
	g := s.byFilter(*m.Share)
	switch {
	case m.Message.Expired(b.now):
		s.srv.limits.Drops.Expired.Add(1)
	case g == nil || !s.srv.share(b, g, s.worst()):
		s.srv.limits.Drops.NoMember.Add(1)
	case s.storeShared(b, a):
		return
	}
	if a != nil {
		a.conn.partDone(b, a, nil)
	}
}

// worst is how hard it may be for a member to take a message whose session has ended: nothing newer is
// dropped for it.
func (s *shares) worst() session.Ease {
	if s.srv.limits.Policy == session.Refuse {
		return session.Full // nothing is
	}
	return session.Absent
}

// take moves what one session has of a group whose subscription it has given up. It goes on with the rest later. If it has
// that again, its messages stay: it might be given them over and over.
func (s *shares) take(cl *client, g *group) {
	if g = s.byFilter(g.filter); g == nil || cl.subscription(g.filter) != nil { // the group may have been made anew
		return
	}
	if s.move(cl, g, moveMost, session.Waits) {
		s.takeBack(cl, g)
	}
}

// inherit moves all that a session has which ends. It goes on with the rest later.
func (s *shares) inherit(e *errand) {
	worst, next := s.worst(), s.srv.journal.next(e.from)
	if s.move(e.from, nil, moveMost, worst) || !s.end(e, next) {
		s.later(e)
	}
}

// balance moves messages from members of g who are away to those who are connected, as many as those can
// be sent at once.
func (s *shares) balance(g *group) {
	m := g.members.Load()
	hungry := false
	for _, sub := range m.away {
		if len(m.online) == 0 || !sub.client.hasShared(g) {
			continue
		}
		room := m.room()
		if room == 0 && !hungry {
			hungry = true
			s.starve(g, true)
			room = m.room() // again, now that whoever makes some says so
		}
		if room == 0 {
			return
		}
		if s.move(sub.client, g, min(room, moveMost), session.Waits) {
			s.rebalance(g)
			return
		}
	}
	s.starve(g, false)
}

// room is how many messages m's connected members can be sent at once, about: more than moveMost are not counted.
func (m *members) room() (n int) {
	for _, sub := range m.online {
		if n += sub.client.sess.Room(sub.client.backlog()); n >= moveMost {
			break
		}
	}
	return n
}

// hasShared says whether messages wait at a client that came by a group.
func (cl *client) hasShared(g *group) bool {
	if cl.logged.Load() {
		return cl.srv.journal.shared(cl, g.filter) > 0
	}
	return len(cl.sess.Movable(g.filter, 0, 1, nil)) > 0
}

// end ends a session that has nothing left to move; false: a message numbered next, which was on its way
// to it, has come since.
func (s *shares) end(e *errand, next uint64) bool {
	cl := e.from
	left := s.left(cl)
	cl.mu.Lock()
	stored, gone := cl.goLocked(next)
	cl.mu.Unlock()
	if !gone {
		return false
	}
	s.srv.limits.Drops.NoMember.Add(uint64(left))
	e.ends <- <-stored // its session is in the log
	close(cl.over)
	return true
}

// bequeath gives what a session that ends has got by shared subscriptions, and its client not
// acknowledged, to other members. What it returns, if not nil, tells when the session has ended, which
// takes until then. cl.mu is held.
func (s *shares) bequeath(cl *client) <-chan error {
	if !cl.sharing.Load() || !cl.logged.Load() || s.srv.journal.shared(cl, "") == 0 {
		return nil // of one in memory it goes in an instant
	}
	if cl.expiry == 0 { // so that it does not come back if the broker ends before that
		cl.left = s.srv.now().UnixMilli()
		s.srv.journal.detach(cl, nil)
	}
	e := &errand{from: cl, ends: make(chan error, 1)}
	cl.over = make(chan struct{})
	s.add(e)
	return e.ends
}
