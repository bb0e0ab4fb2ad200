package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/broker/token"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
	"github.com/dunlin-mqtt/dunlin/controllers/access"
)

// rulebook is who says what is allowed: a broker that runs, or files.
type rulebook interface {
	Access(ctx context.Context, q adminapi.AccessQuery) (api.Decision, error)
	// User is what is known of a user; nil: there is none of that name.
	User(ctx context.Context, name string) (*api.User, error)
}

// ruleOptions say whom a command asks.
type ruleOptions struct {
	askOptions
	paths      []string // files; none: a broker
	commonName string
}

func (o *ruleOptions) flags(cmd *cobra.Command) {
	o.askOptions.flags(cmd)
	cmd.Flags().StringArrayVarP(&o.paths, "filename", "f", nil,
		"file or folder with the objects to answer by, with no broker and no cluster; - for stdin (repeatable)")
	if err := cmd.MarkFlagFilename("filename", "yaml", "yml", "json"); err != nil {
		panic(err) // the flag is defined above
	}
	cmd.Flags().StringVar(&o.commonName, "cert-cn", "", "with -f: the Common Name of the client's certificate, for ${cert.cn}")
}

// asks is the work of a command that takes a broker and so many further arguments, and asks its rules or those of files.
func (o *ruleOptions) asks(s streams, more int, do func(ctx context.Context, a *asked, rules rulebook, args []string) error) func(*cobra.Command, []string) error {
	work := o.ask(s, more, more, func(ctx context.Context, a *asked, args []string) error { return do(ctx, a, a.Client, args) })
	return func(cmd *cobra.Command, args []string) error {
		if len(o.paths) == 0 {
			return work(cmd, args)
		}
		broker, rest, err := o.take(args, more, more)
		if err != nil {
			return err
		}
		rules, err := o.ofFiles(s, broker)
		if err == nil {
			err = do(cmd.Context(), newAsked(s, o.format), rules, rest)
		}
		if err != nil {
			return failure{err}
		}
		return nil
	}
}

// ofFiles reads what files say of a Broker; "" is the only one.
func (o *ruleOptions) ofFiles(s streams, broker string) (*fileRules, error) {
	loader, err := newLoader(s)
	if err != nil {
		return nil, err
	}
	set, problems := loader.Load(o.paths)
	if bad := problems.Errors(); len(bad) > 0 {
		return nil, &local.InvalidError{Problems: bad}
	}
	b, err := set.Broker(broker)
	if err != nil {
		return nil, err
	}
	return &fileRules{policy: access.Policy(b, set.UsersOf(b), set.ACLsOf(b), func(ns string) bool { return set.Allows(b, ns) }), commonName: o.commonName}, nil
}

// fileRules are those of files, asked by the matcher of a broker.
type fileRules struct {
	policy     *auth.Policy
	commonName string // of every client
}

// maxConsidered is how many rules a decision by files lists.
const maxConsidered = 10_000

// Access implements rulebook.
func (f *fileRules) Access(_ context.Context, q adminapi.AccessQuery) (api.Decision, error) {
	action := config.Action(q.Action)
	question := access.Question{User: q.User, ClientID: q.ClientID, CommonName: f.commonName, Action: action, Topic: q.Topic}
	answer, err := access.Ask(f.policy, question)
	if err != nil {
		return api.Decision{}, err
	}
	d := api.Decision{Allowed: answer.Allowed, Reason: answer.Why, DefaultPolicy: string(f.policy.Default())}
	d.Rule, d.Considered = server.DescribeDecision(f.policy, question.Identity(), action, answer.Rule, maxConsidered)
	return d, nil
}

// User implements rulebook.
func (f *fileRules) User(_ context.Context, name string) (*api.User, error) {
	if token.Reserved(name) && f.policy.Valid(auth.Suppose("", name, "")) {
		return &api.User{Name: name}, nil
	}
	if !f.policy.Knows(name) {
		return nil, nil
	}
	return &api.User{Name: name, Groups: f.policy.Groups(name), Selected: f.policy.Selected(name)}, nil
}
