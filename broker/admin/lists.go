package admin

import (
	"net/http"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

func (a *endpoints) clients(c *call) {
	reply(c, a.Clients.Clients(ClientQuery{
		Range: c.part(), Search: c.text("search"), User: c.text("user"), Listener: c.text("listener"), Connected: c.flag("connected"),
	}), nil)
}

func (a *endpoints) client(c *call) {
	detail, err := a.Clients.Client(c.r.PathValue("id"))
	reply(c, detail, err)
}

func (a *endpoints) disconnect(c *call) {
	c.done(a.Clients.Disconnect(c.r.Context(), c.r.PathValue("id"), c.set("session")))
}

// done answers that there is nothing to say, or what is wrong.
func (c *call) done(err error) {
	if err != nil {
		c.failed(err)
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

func (a *endpoints) subscriptions(c *call) {
	page, err := a.Clients.Subscriptions(c.r.PathValue("id"), c.part())
	reply(c, page, err)
}

func (a *endpoints) topics(c *call) {
	prefix := ""
	if c.query.Has("under") { // it may be empty: the topic above /a
		prefix = c.text("under") + "/"
	}
	page, err := a.Topics.Topics(prefix, c.part())
	reply(c, page, err)
}

func (a *endpoints) retainedList(c *call) {
	filter := "#"
	if c.query.Has("filter") {
		filter = c.text("filter")
	}
	page, err := a.Topics.RetainedMessages(filter, c.part())
	reply(c, page, err)
}

// topic is the topic that the path names. The rest of a path that has slashes of its own is a topic too.
func (c *call) topic() string { return c.r.PathValue("topic") }

func (a *endpoints) retained(c *call) {
	found, err := a.Topics.RetainedMessage(c.topic())
	reply(c, found, err)
}

func (a *endpoints) clearRetained(c *call) {
	c.done(a.Topics.ClearRetained(c.r.Context(), c.topic()))
}

func (a *endpoints) users(c *call) {
	reply(c, a.Access.Users(c.text("search"), c.part()), nil)
}

func (a *endpoints) access(c *call) {
	decision, err := a.Access.Decide(AccessQuery{
		User: c.text("user"), ClientID: c.text("clientId"), Publish: c.text("action") == "Publish", Topic: c.text("topic"),
	})
	reply(c, decision, err)
}

func (a *endpoints) rules(c *call) {
	page, err := a.Access.Rules(c.part())
	reply(c, page, err)
}

func (a *endpoints) denials(c *call) {
	page, err := a.Access.Denials(c.part())
	reply(c, page, err)
}

func (a *endpoints) overview(c *call) {
	facts := a.Broker.Overview()
	facts.Version, facts.Instance = a.Version, a.instance
	if err := a.Ready(); err != nil {
		facts.NotReady = err.Error()
	}
	facts.Problems = problems(&facts)
	reply(c, facts.Overview, nil)
}

func (a *endpoints) listeners(c *call) {
	list := a.Broker.Overview().Listeners
	if list == nil {
		list = []api.Listener{}
	}
	reply(c, list, nil)
}

func (a *endpoints) previousPasswords(c *call) {
	list := []api.PreviousPassword{}
	if a.PreviousPasswords != nil {
		list = a.PreviousPasswords(maxLimit)
	}
	reply(c, list, nil)
}
