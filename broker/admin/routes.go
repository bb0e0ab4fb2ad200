package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// Limits of ?limit=.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// route is an endpoint: what serves it, and what its description is made of, so that the two are the same.
type route struct {
	method, path string
	role         Role
	summary      string
	params       []param // of the query
	answer       any     // of the type of the JSON that a good answer has; nil: none
	media        string  // of an answer that is not JSON, or of a stream of it; "": JSON
	status       int     // of a good answer; 0: 200
	serve        func(a *endpoints, c *call)
}

// param is a parameter of the query.
type param struct {
	name, doc string
	values    []string // that it may have; nil: any
	integer   bool     // it is an integer from 1 to maxLimit
	required  bool
}

// check says what is wrong with a value; nil: nothing.
func (p *param) check(value string) error {
	if p.values != nil && !slices.Contains(p.values, value) {
		return fmt.Errorf("must be %s", strings.Join(p.values, " or "))
	}
	if p.integer {
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > maxLimit {
			return fmt.Errorf("must be a number from 1 to %d", maxLimit)
		}
	}
	return nil
}

// param is the one with a name; nil: there is none.
func (r *route) param(name string) *param {
	for i := range r.params {
		if r.params[i].name == name {
			return &r.params[i]
		}
	}
	return nil
}

// known says what there is instead.
func (r *route) known() string {
	var names []string
	for i := range r.params {
		names = append(names, r.params[i].name)
	}
	if names == nil {
		return ""
	}
	return ": there are " + strings.Join(names, ", ")
}

var boolean = []string{"true", "false"}

// paged are the parameters of every list, after its own.
func paged(own ...param) []param {
	return append(own,
		param{name: "after", doc: "The cursor that the page before gave as next; none: the first page."},
		param{name: "limit", doc: "How many at most; 100 unless given.", integer: true})
}

// routes are all endpoints of the admin API.
func routes() []route {
	return slices.Concat(brokerRoutes(), clientRoutes(), topicRoutes(), accessRoutes(), []route{
		{method: "GET", path: "/v1/trace", role: Read, serve: (*endpoints).trace, answer: api.Event{}, media: "application/x-ndjson",
			summary: "Packets to and from clients as they come and go, one a line, until the caller goes.",
			params: []param{
				{name: "client", doc: "Only of the client with this identifier."},
				{name: "user", doc: "Only of clients of this user."},
				{name: "topic", doc: "Only packets with a topic that this filter matches, or with a filter that overlaps it."},
				{name: "payload", doc: "Whether the beginning of payloads is shown.", values: boolean},
			}},
	})
}

func brokerRoutes() []route {
	return []route{
		{method: "GET", path: "/v1/status", role: Read, serve: (*endpoints).status, answer: api.Status{},
			summary: "Whether the broker serves, and which users and access rules it has loaded."},
		{method: "GET", path: "/v1/me", role: Read, serve: (*endpoints).me, answer: api.Me{},
			summary: "Who the caller is to the broker, and what it may do."},
		{method: "GET", path: "/v1/overview", role: Read, serve: (*endpoints).overview, answer: api.Overview{},
			summary: "All of the broker on one screen, and what is wrong with it."},
		{method: "GET", path: "/v1/listeners", role: Read, serve: (*endpoints).listeners, answer: []api.Listener{},
			summary: "What the broker listens on."},
		{method: "GET", path: "/v1/backup", role: Write, serve: (*endpoints).backupOne, media: "application/octet-stream",
			summary: "A backup of what the store keeps. One that breaks off breaks the connection."},
		{method: "POST", path: "/v1/restore", role: Write, serve: (*endpoints).restoreOne, media: "text/plain",
			summary: "Take a backup, the body of the request, in place of what the store keeps; the broker starts again with it."},
		{method: "GET", path: "/v1/openapi.json", role: Read, serve: (*endpoints).openAPI, media: "application/json",
			summary: "This description, as OpenAPI 3.1."},
		{method: "GET", path: "/metrics", role: Read, serve: (*endpoints).metrics, media: "text/plain",
			summary: "The metrics that the health address has too, for Prometheus."},
	}
}

func clientRoutes() []route {
	return []route{
		{method: "GET", path: "/v1/clients", role: Read, serve: (*endpoints).clients, answer: api.Page[api.Client]{},
			summary: "The sessions, by client identifier; total is how many fit.",
			params: paged(
				param{name: "search", doc: "A part of the client identifier or the user name, or of the address, with a dot or a colon in it."},
				param{name: "user", doc: "Only this user's."},
				param{name: "listener", doc: "Only those connected through this listener."},
				param{name: "connected", doc: "Only those that are, or are not, connected.", values: boolean})},
		{method: "GET", path: "/v1/clients/{id}", role: Read, serve: (*endpoints).client, answer: api.ClientDetail{},
			summary: "One client: its session and its connection."},
		{method: "DELETE", path: "/v1/clients/{id}", role: Write, serve: (*endpoints).disconnect, status: 204,
			summary: "Disconnect a client (0x98).",
			params:  []param{{name: "session", doc: "Whether its session is to end as well.", values: boolean}}},
		{method: "GET", path: "/v1/clients/{id}/subscriptions", role: Read, serve: (*endpoints).subscriptions,
			answer: api.Page[api.Subscription]{}, summary: "A client's subscriptions, by filter.", params: paged()},
	}
}

func topicRoutes() []route {
	return []route{
		{method: "GET", path: "/v1/topics", role: Read, serve: (*endpoints).topics, answer: api.Page[api.TopicNode]{},
			summary: "A level of the tree of topics, by name. To ask begins a watch of a minute.",
			params:  paged(param{name: "under", doc: "The topic above that level; none: the first level."})},
		{method: "GET", path: "/v1/retained", role: Read, serve: (*endpoints).retainedList, answer: api.Page[api.Retained]{},
			summary: "The retained messages, without their payloads; total is not counted.",
			params:  paged(param{name: "filter", doc: "A topic filter; #, all of them, unless given."})},
		{method: "GET", path: "/v1/retained/{topic}", role: Read, serve: (*endpoints).retained, answer: api.Retained{},
			summary: "A topic's retained message."},
		{method: "DELETE", path: "/v1/retained/{topic}", role: Write, serve: (*endpoints).clearRetained, status: 204,
			summary: "Clear a topic's retained message."},
	}
}

func accessRoutes() []route {
	return []route{
		{method: "GET", path: "/v1/users", role: Read, serve: (*endpoints).users, answer: api.Page[api.User]{},
			summary: "Who may connect by name, without secrets.",
			params:  paged(param{name: "search", doc: "A part of the name."})},
		{method: "GET", path: "/v1/previous-passwords", role: Read, serve: (*endpoints).previousPasswords, answer: []api.PreviousPassword{},
			summary: "The connections that were made with a password that has been changed since, at most 1000."},
		{method: "GET", path: "/v1/access", role: Read, serve: (*endpoints).access, answer: api.Decision{},
			summary: "Whether a client may do something by the rules in force, and which rule says so.",
			params: []param{
				{name: "user", doc: "The user name; none: an anonymous client."},
				{name: "clientId", doc: "The client identifier, for rules that are about it. Of one that is connected as that user, its certificate counts too."},
				{name: "action", doc: "What it wants to do.", values: []string{"Publish", "Subscribe"}, required: true},
				{name: "topic", doc: "The topic name, or the topic filter, without $share.", required: true},
			}},
		{method: "GET", path: "/v1/access/rules", role: Read, serve: (*endpoints).rules, answer: api.Page[api.Rule]{},
			summary: "The access rules in force, by priority.", params: paged()},
		{method: "GET", path: "/v1/access/denials", role: Read, serve: (*endpoints).denials, answer: api.Page[api.Denial]{},
			summary: "What was refused of late: connections, PUBLISHes and subscriptions.", params: paged()},
	}
}
