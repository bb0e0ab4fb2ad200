package admin

import (
	"context"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// fake is a broker that has nothing, and fails with err.
type fake struct {
	facts Facts
	err   error
}

func (f *fake) Overview() Facts                          { return f.facts }
func (f *fake) Clients(ClientQuery) api.Page[api.Client] { return api.Page[api.Client]{} }
func (f *fake) Client(string) (d api.ClientDetail, err error) {
	return d, f.err
}
func (f *fake) Subscriptions(string, Range) (p api.Page[api.Subscription], err error) {
	return p, f.err
}
func (f *fake) Disconnect(context.Context, string, bool) error { return f.err }
func (f *fake) Topics(string, Range) (p api.Page[api.TopicNode], err error) {
	return p, f.err
}
func (f *fake) RetainedMessages(string, Range) (p api.Page[api.Retained], err error) {
	return p, f.err
}
func (f *fake) RetainedMessage(string) (r api.Retained, err error) { return r, f.err }
func (f *fake) ClearRetained(context.Context, string) error        { return f.err }
func (f *fake) Users(string, Range) (p api.Page[api.User])         { return p }
func (f *fake) Decide(AccessQuery) (d api.Decision, err error)     { return d, f.err }
func (f *fake) Rules(Range) (p api.Page[api.Rule], err error)      { return p, f.err }
func (f *fake) Denials(Range) (p api.Page[api.Denial], err error)  { return p, f.err }
