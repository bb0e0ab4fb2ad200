package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
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
		page.Items = append(page.Items, api.User{Name: names[k], Groups: policy.Groups(names[k]), Connections: int(open)})
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
	d := api.Decision{Considered: []api.Rule{}, DefaultPolicy: string(policy.Default())}
	var by *auth.Rule
	policy.StampUsage(i.srv.now()) // first: what it says of a rule is as of now
	d.Allowed, by, d.Reason = i.srv.decide(policy, id, action, name)
	d.Audited = i.srv.lets(policy, id, action, name, d.Allowed)
	if d.Audited {
		d.Reason += notEnforced
	}
	if by != nil {
		d.Rule = new(DescribeRule(by))
	}
	considered := policy.Considered(id, action, maxConsidered)
	for k := range considered {
		d.Considered = append(d.Considered, DescribeRule(&considered[k]))
	}
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

// decide says whether id may do something, which rule says so (nil: none does), and why in words.
func (s *Server) decide(p *auth.Policy, id *auth.Identity, action config.Action, name string) (allowed bool, by *auth.Rule, why string) {
	verdict, by := p.Decide(id, action, name)
	allowed = verdict != auth.Denied
	switch {
	case action == config.ActionPublish && isSys(name):
		return false, nil, "topics below $SYS are the broker's own, whatever the rules say"
	case !p.Valid(id) && id.Anonymous():
		return false, nil, "anonymous clients are not allowed"
	case !p.Valid(id):
		return false, nil, fmt.Sprintf("there is no user %.100q any more, or it has another password now", id.Username())
	case by != nil && verdict == auth.PerTopic:
		return true, by, ruleName(by) + " allows it, but another rule denies a part of these topics: messages of those are not delivered"
	case by != nil && allowed:
		return true, by, ruleName(by) + " allows it"
	case by != nil:
		return false, by, ruleName(by) + " denies it"
	case verdict == auth.PerTopic:
		return true, nil, "the default policy is Allow, but a rule denies a part of these topics: messages of those are not delivered"
	case allowed:
		return true, nil, "no rule is about it, and the default policy is Allow"
	case strings.HasPrefix(name, "$"):
		return false, nil, "no rule allows it, and topics that begin with $ need one"
	}
	return false, nil, "no rule allows it, and the default policy is Deny"
}

func ruleName(r *auth.Rule) string { return r.ACL + " rule " + strconv.Itoa(r.Number+1) }

// DescribeRule is a rule as the admin API shows it.
func DescribeRule(r *auth.Rule) api.Rule {
	d := api.Rule{Name: ruleName(r), Effect: string(r.Effect), Topics: r.Topics, Priority: int(r.Priority)}
	for _, s := range r.Subjects {
		d.Subjects = append(d.Subjects, strings.TrimSpace(string(s.Kind)+" "+s.Name))
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
		page.Items = append(page.Items, DescribeRule(&rules[k]))
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
		Time: c.srv.now().UTC().Truncate(time.Millisecond), Client: c.client.id, User: c.identity.Username(), Action: string(action), Topic: name,
		Peer: c.nc.RemoteAddr().String(),
	}, func() string {
		_, _, why := c.srv.decide(c.srv.auth.Policy(), c.identity, action, topics)
		return why
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
		Time: c.srv.now().UTC().Truncate(time.Millisecond), Client: p.ClientID, User: p.Username, Action: "Connect", Peer: c.nc.RemoteAddr().String(),
	}, func() string { return e.Reason.String() + ": " + e.Detail })
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
