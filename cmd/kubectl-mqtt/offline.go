package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
	"github.com/dunlin-mqtt/dunlin/controllers/access"
)

const explainHelp = `Lists the rules in files that are about a user, in the order in which they are asked: by priority, and Deny before
Allow. The first that matches a topic decides; what none matches is up to the Broker's default policy. Of a broker that
runs, acl list --user does.

` + exits + `
`

// offlineOptions say by which files, and as whom.
type offlineOptions struct {
	paths                        []string
	broker, clientID, commonName string
}

func (o *offlineOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&o.paths, "filename", "f", nil,
		"file or folder with the objects to answer by, with no broker and no cluster; - for stdin (repeatable)")
	if err := cmd.MarkFlagFilename("filename", "yaml", "yml", "json"); err != nil {
		panic(err) // the flag is defined above
	}
}

// canI is can-i by files.
func (o *offlineOptions) canI(s streams, args []string) error {
	if len(args) == 4 {
		o.broker, args = args[0], args[1:]
	}
	if len(args) != 3 {
		return errors.New("give USER publish|subscribe TOPIC, with the name of the BROKER before them if the files have several")
	}
	action, err := actionOf(args[1])
	if err != nil {
		return err
	}
	q := access.Question{User: args[0], ClientID: o.clientID, CommonName: o.commonName, Action: config.Action(action), Topic: args[2]}
	if err := canIOffline(s, *o, q); err != nil {
		return failure{err}
	}
	return nil
}

func canIOffline(s streams, o offlineOptions, q access.Question) error {
	_, policy, err := o.policy(s)
	if err != nil {
		return err
	}
	answer, err := access.Ask(policy, q)
	if err != nil {
		return err
	}
	word := "yes"
	if !answer.Allowed {
		word = "no"
	}
	fmt.Fprintf(s.out, "%s: %s\n", word, answer.Why)
	if !answer.Allowed {
		return errSaid
	}
	return nil
}

// policy is what the files say.
func (o *offlineOptions) policy(s streams) (*v1alpha1.Broker, *auth.Policy, error) {
	loader, err := newLoader(s)
	if err != nil {
		return nil, nil, err
	}
	set, problems := loader.Load(o.paths)
	if bad := problems.Errors(); len(bad) > 0 {
		return nil, nil, &local.InvalidError{Problems: bad}
	}
	b, err := set.Broker(o.broker)
	if err != nil {
		return nil, nil, err
	}
	return b, access.Policy(b, set.UsersOf(b), set.ACLsOf(b)), nil
}

func newExplain(s streams) *cobra.Command {
	var o offlineOptions
	cmd := &cobra.Command{
		Use: "explain USER -f FILE|DIR...", Short: "List the rules in files that are about a user, in the order in which they are asked",
		Long: explainHelp, Args: cobra.ExactArgs(1),
		Example: "  kubectl-mqtt acl explain alice -f manifests/",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := explainACL(s, o, args[0]); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	o.flags(cmd)
	if err := cmd.MarkFlagRequired("filename"); err != nil {
		panic(err) // the flag is defined above
	}
	cmd.Flags().StringVarP(&o.broker, "broker", "b", "", "name or namespace/name of the Broker (default the only one)")
	cmd.Flags().StringVarP(&o.clientID, "id", "i", "", "client identifier, for rules that are about it")
	return cmd
}

func explainACL(s streams, o offlineOptions, user string) error {
	b, policy, err := o.policy(s)
	if err != nil {
		return err
	}
	if user != "" && !policy.Knows(user) {
		return fmt.Errorf("there is no User with the user name %q, or it is suspended", user)
	}
	for _, action := range []config.Action{config.ActionPublish, config.ActionSubscribe} {
		fmt.Fprintf(s.out, "%s:\n", action)
		table := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
		for _, line := range access.Rules(policy, o.clientID, user, action) {
			fmt.Fprintf(table, "  %s\n", line)
		}
		otherwise := b.Spec.Authorization.DefaultPolicy
		if otherwise == "" {
			otherwise = config.PolicyDeny
		}
		fmt.Fprintf(table, "  %s\teverything else\t\tspec.authorization.defaultPolicy\n", otherwise)
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}
