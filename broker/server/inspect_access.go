package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/listener"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// maxConsidered is how many rules a decision lists.
const maxConsidered = 1000

// Users implements admin.Access.
func (i inspector) Users(search string, r admin.Range) api.Page[api.User] {
	page := api.Page[api.User]{Items: []api.User{}}
	policy := i.srv.auth.Policy()
	var names []string
	for _, name := range policy.Users() {
		if search != "" && !strings.Contains(name, search) {
			continue
		}
		page.Total++
		if name > r.After && len(names) <= r.Limit {
			names = append(names, name)
		}
	}
	if len(names) > r.Limit {
		names = names[:r.Limit]
		page.Next = names[r.Limit-1]
	}
	for k, open := range i.srv.guard.UserConnections(names) {
		page.Items = append(page.Items, api.User{Name: names[k], Groups: policy.Groups(names[k]), Selected: policy.Selected(names[k]), Connections: int(open)})
	}
	return page
}

// Decide implements admin.Access.
func (i inspector) Decide(q admin.AccessQuery) (api.Decision, error) {
	action, name := config.ActionPublish, q.Topic
	err := topic.ValidName(name, 0)
	if !q.Publish {
		action = config.ActionSubscribe
		if _, name, _, err = topic.ParseShare(q.Topic); err == nil {
			err = topic.ValidFilter(name, 0)
		}
	}
	if err != nil {
		return api.Decision{}, fmt.Errorf("%w: topic: %w", admin.ErrInvalid, err)
	}
	policy, id := i.srv.auth.Policy(), i.identity(&q)
	d := api.Decision{DefaultPolicy: string(policy.Default())}
	policy.StampUsage(i.srv.now()) // first: what it says of a rule is as of now
	found := policy.Explain(id, action, name)
	d.Allowed, d.Reason = found.Allowed, found.Why
	if d.Audited = i.srv.lets(policy, id, action, name, d.Allowed); d.Audited {
		d.Reason += notEnforced
	}
	d.Rule, d.Considered = DescribeDecision(policy, id, action, found.Rule, maxConsidered)
	return d, nil
}

// identity is who is asked about: the client itself, if there is one of that identifier and user.
func (i inspector) identity(q *admin.AccessQuery) *auth.Identity {
	if cl := i.srv.clients.find(store.PartitionOf(q.ClientID), q.ClientID); cl != nil {
		if id := cl.identity.Load(); id != nil && id.Username() == q.User && id.Anonymous() == (q.User == "") {
			return id
		}
	}
	return auth.Recall(q.ClientID, q.User, q.User == "")
}

// DescribeDecision is the rule that decided, which may be nil, and the rules that were considered, at most limit, as the admin API
// shows them to who asks about id.
func DescribeDecision(p *auth.Policy, id *auth.Identity, action config.Action, by *auth.Rule, limit int) (rule *api.Rule, considered []api.Rule) {
	describe := func(r *auth.Rule) api.Rule {
		d := describeRule(r)
		d.Expanded = p.Expanded(r, id)
		return d
	}
	if by != nil {
		rule = new(describe(by))
	}
	considered = []api.Rule{}
	rules := p.Considered(id, action, limit)
	for k := range rules {
		considered = append(considered, describe(&rules[k]))
	}
	return rule, considered
}

// describeRule is a rule as the admin API shows it.
func describeRule(r *auth.Rule) api.Rule {
	d := api.Rule{Name: r.Name(), Effect: string(r.Effect), Topics: r.Topics, Priority: int(r.Priority)}
	for _, s := range r.Subjects {
		d.Subjects = append(d.Subjects, s.String())
	}
	for _, a := range r.Actions {
		d.Actions = append(d.Actions, string(a))
	}
	if !r.Used.IsZero() {
		d.Used = &r.Used
	}
	return d
}

// Rules implements admin.Access. The cursor is a position.
func (i inspector) Rules(r admin.Range) (api.Page[api.Rule], error) {
	page := api.Page[api.Rule]{Items: []api.Rule{}}
	from := 0
	if r.After != "" {
		n, err := strconv.Atoi(r.After)
		if err != nil || n < 0 {
			return page, fmt.Errorf("%w: after: %.40q is no cursor of this list", admin.ErrInvalid, r.After)
		}
		from = n
	}
	policy := i.srv.auth.Policy()
	policy.StampUsage(i.srv.now())
	rules, total := policy.Rules(from, r.Limit)
	page.Total = total
	for k := range rules {
		page.Items = append(page.Items, describeRule(&rules[k]))
	}
	if next := from + len(rules); next < total && len(rules) > 0 {
		page.Next = strconv.Itoa(next)
	}
	return page, nil
}

// Denials implements admin.Access.
func (i inspector) Denials(r admin.Range) (api.Page[api.Denial], error) { return i.srv.denials.Page(r) }

// deniedActions are what rules call that which is denied.
var deniedActions = [denials]config.Action{
	deniedPublish: config.ActionPublish, deniedSubscribe: config.ActionSubscribe, deniedWill: config.ActionPublish, deniedReceive: config.ActionSubscribe,
}

// tellDenied has everybody who is told of denials know of one: metrics, the audit log, the log, and the admin API. name is as the
// client gave it, and topics what rules are asked of it.
func (c *conn) tellDenied(what int, name, topics string) {
	c.srv.measures.denials[what].Add(1)
	c.auditDenied(denialNames[what], name)
	c.srv.log.Debug(denialNames[what]+" denied", "client_id", c.client.id, "topic", name)
	c.noteDenied(deniedActions[what], name, topics)
}

// noteDenied remembers that the rules did not let a client do something.
func (c *conn) noteDenied(action config.Action, name, topics string) {
	c.srv.denials.Add(api.Denial{
		Time: c.srv.now(), Client: c.client.id, User: c.identity.Username(), Action: string(action), Topic: name,
		Peer: c.nc.RemoteAddr().String(),
	}, func() string {
		return c.srv.auth.Policy().Explain(c.identity, action, topics).Why
	})
}

// passing are the reasons for which a client is not let in that have nothing to do with it.
var passing = []packet.ReasonCode{packet.ServerBusy, packet.ServerUnavailable, packet.ServerShuttingDown}

// noteRefused remembers that a client was not let in.
func (c *conn) noteRefused(p *packet.Connect, err error) {
	var e *packet.Error
	if !errors.As(err, &e) || slices.Contains(passing, e.Reason) {
		return
	}
	c.srv.denials.Add(api.Denial{
		Time: c.srv.now(), Client: p.ClientID, User: p.Username, Action: "Connect", Peer: c.nc.RemoteAddr().String(),
	}, func() string { return c.srv.whyRefused(p, e) })
}

// noteUnshaken counts and remembers a client that has got no further than a TLS handshake, which failed or which the listener has
// none of.
func (c *conn) noteUnshaken(err error) {
	if c.kicked.Load() != nil {
		return // it is not the client who has ended it
	}
	why := listener.Unshaken(c.nc, err)
	switch {
	case errors.Is(err, errClientHello):
		why = errClientHello.Detail
	case why == "":
		return
	default:
		c.srv.measures.unshaken(c)
	}
	c.auditUnshaken(why, err)
	c.srv.denials.Add(api.Denial{
		Time: c.srv.now(), Action: "Handshake", Peer: c.nc.RemoteAddr().String(),
		Reason: fmt.Sprintf("listener %s: %s", c.listener.Name, why),
	}, nil)
}

// whyRefused says more than the client is told: who reads it may know which users there are.
func (s *Server) whyRefused(p *packet.Connect, e *packet.Error) string {
	detail := e.Detail
	switch {
	case detail != auth.ErrBadCredentials.Error():
	case !s.auth.Policy().Knows(p.Username):
		detail = "there is no such user, or it is suspended"
	case !p.HasPassword:
		detail = "it gave no password"
	default:
		detail = "the password is wrong"
	}
	return e.Reason.String() + ": " + detail
}

// SignIn implements admin.SignIn.
func (i inspector) SignIn(ctx context.Context, user, password string, from netip.Prefix) ([]string, error) {
	s := i.srv
	if s.guard.Banned(from, s.now()) {
		return nil, fmt.Errorf("%w came from this address", admin.ErrHeldBack)
	}
	id, err := s.auth.Authenticate(ctx, auth.Credentials{Username: user, HasUsername: true, Password: []byte(password), HasPassword: true})
	switch {
	case err == nil && !id.Anonymous():
		return s.auth.Policy().Groups(user), nil
	case errors.Is(err, auth.ErrBusy):
		return nil, fmt.Errorf("%w: %w", admin.ErrUnavailable, err)
	case err == nil, errors.Is(err, auth.ErrNotAllowed), errors.Is(err, auth.ErrBadCredentials):
		s.guard.Failed(from, s.now())
		return nil, admin.ErrCredentials
	}
	return nil, err
}
